"""Requests about webhook endpoints that cannot be meant."""

import pytest
from pydantic import ValidationError

from api.webhook_endpoints.requests import CreateWebhookEndpointRequest, UpdateWebhookEndpointRequest

URL = "https://product.example/hooks"


@pytest.mark.parametrize("request_model", [CreateWebhookEndpointRequest, UpdateWebhookEndpointRequest])
@pytest.mark.parametrize("description", ["billing\x00", "two\nlines", "\ud800", "a\x7f", "b\u2028c"])
def test_a_description_is_one_line_that_can_be_kept(
    request_model: type[CreateWebhookEndpointRequest | UpdateWebhookEndpointRequest], description: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        request_model.model_validate({"url": URL, "description": description})
    assert [error["loc"] for error in refused.value.errors()] == [("description",)]


def test_a_description_may_have_letters_of_any_language() -> None:
    assert CreateWebhookEndpointRequest(url=URL, description=" Ünlü 🎉 ").description == "Ünlü 🎉"

"""Where a subscription's page leads to, outside of the console."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from api.console.subscription import _links
from tests.builders import a_trial


def links(**addresses: str) -> Any:
    """The links of a page, in an installation with these addresses."""
    known = {"temporal_ui_url": "", "provider_ui_url": "", "client": SimpleNamespace(namespace="billing")} | addresses
    visit = SimpleNamespace(dependencies=SimpleNamespace(**known), at=lambda path: path)
    account = SimpleNamespace(subscription=a_trial(), external_id="ada/1", customer_ref="cus_1")
    return _links(cast("Any", visit), cast("Any", account))


@pytest.mark.parametrize("address", ["https://temporal.example", "https://temporal.example/"])
def test_the_workflow_is_named_as_temporals_pages_name_it(address: str) -> None:
    found = links(temporal_ui_url=address).temporal

    assert found == f"https://temporal.example/namespaces/billing/workflows/subscription%2F{a_trial().id}"


def test_the_customer_is_linked_at_the_provider_and_here_whatever_their_id() -> None:
    found = links(provider_ui_url="https://provider.example/test")

    assert found.provider == "https://provider.example/test/customers/cus_1"
    assert found.customer == "/console/customers/ada%2F1"


def test_where_no_address_is_known_there_is_no_link() -> None:
    assert (links().temporal, links().provider) == ("", "")

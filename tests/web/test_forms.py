"""Forms are taken from our own pages alone."""

import pytest

from tests.web.site import ADDRESS, a_browser

FORMS = ("/billing/link", "/billing/enter/x", "/billing/mail/x", "/console/sign-in", "/console/enter/x")


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize(
    "origin", ["http://[", "http://]", "https://[::1", "null", "://", "", f"{ADDRESS}.evil.example", "https://a@b]c:d"]
)
async def test_a_form_from_no_address_of_ours_is_refused(path: str, origin: str) -> None:
    async with a_browser() as browser:
        answer = await browser.post(path, headers={"Origin": origin})

    assert answer.status_code == 403
    assert answer.headers["content-type"].startswith("text/html")

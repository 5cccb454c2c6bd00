"""What a request leaves in the log: no key and no token, as whoever reads the log could use them."""

import logging

import pytest
import structlog

from tests.web.site import a_browser

SECRET = "s3cr3t-t0k3n-0123456789-0123456789-0123456789"


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        (f"/pay/{SECRET}", {}),
        (f"/billing/mail/{SECRET}", {}),
        (f"/billing/enter/{SECRET}", {}),
        ("/billing", {"Cookie": f"__Host-tenure_billing={SECRET}"}),
        ("/v1/plans", {"Authorization": f"Bearer {SECRET}"}),
        (f"/v1/plans?key={SECRET}", {}),
        (f"/{SECRET}", {}),
        ("/v1/plans", {"X-Request-Id": f"{SECRET}\n{SECRET}"}),
    ],
    ids=["a link to pay", "a link of a mail", "a link", "a cookie", "a key", "a query", "a path", "a request's name"],
)
async def test_no_secret_of_a_request_is_logged(
    caplog: pytest.LogCaptureFixture, path: str, headers: dict[str, str]
) -> None:
    caplog.set_level(logging.DEBUG)
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logged:
        async with a_browser() as browser:
            answer = await browser.get(path, headers=headers)

    ours = [record for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
    written = f"{logged}{[(record.getMessage(), record.exc_text) for record in ours]}"
    assert any(line["event"] == "request" for line in logged)
    assert SECRET not in written
    assert SECRET not in f"{answer.headers}"

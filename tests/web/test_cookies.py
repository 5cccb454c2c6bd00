"""Which cookies of a request are read."""

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from api.web.cookies import CONSOLE, PlainCookies
from tests.web.site import a_browser


async def test_a_cookie_with_escapes_is_left_out_and_the_others_are_read() -> None:
    read: list[dict[str, str]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        read.append(request.cookies | {"session": CONSOLE.of(request)})

    headers = [(b"cookie", rb'theirs="a\"b"; __Host-tenure_console=token; other=1'), (b"x-path", rb"c:\d")]
    scope: Scope = {"type": "http", "headers": headers}
    await PlainCookies(app)(scope, None, None)  # type: ignore[arg-type]

    assert read == [{"__Host-tenure_console": "token", "other": "1", "session": "token"}]
    assert scope["headers"][1] == headers[1]


async def test_no_number_of_escapes_keeps_us_from_answering_others() -> None:
    """Some versions of Python need minutes for as many."""
    async with a_browser() as browser:
        assert (await browser.get("/pricing", headers={"Cookie": 'a="' + r"\"" * 200_000 + '"'})).status_code == 200

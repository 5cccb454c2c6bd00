"""Errors on pages: people read a page in their language, not a problem in JSON."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from api.http.errors import handle_expected, response_to
from api.http.request_context import current_request
from api.web.pages import PageMessage, pages_of
from api.web.readers import Reader, reader_of
from api.web.storable import StorableRoute
from localization.languages import sentence

PAGE_ROOTS: Final = ("/billing", "/checkout", "/console", "/pay", "/pricing")
"""Paths below which there are pages: an address there that does not exist is answered by a page too."""

BY_STATUS: Final = {
    400: PageMessage(
        sentence("This cannot be done like that"), sentence("Please go back, open the page again, and try once more.")
    ),
    403: PageMessage(
        sentence("This page is not open to you"), sentence("If you think that it should be, please ask our support.")
    ),
    404: PageMessage(
        sentence("There is no such page"), sentence("Please check the address, or open the link you were given again.")
    ),
    410: PageMessage(
        sentence("This link has expired"),
        sentence("Please open the link in our latest mail, or ask our support for a new one."),
    ),
    429: PageMessage(sentence("Too many tries"), sentence("Please wait a moment, and then try it again.")),
    503: PageMessage(
        sentence("One moment, please"),
        sentence("This page cannot be shown right now. Please try it again in a few minutes."),
    ),
    500: PageMessage(
        sentence("Something went wrong"),
        sentence("This is our fault, and it is recorded. Please try it again in a few minutes."),
    ),
}
NOT_CERTAIN: Final = PageMessage(
    sentence("One moment, please"),
    sentence(
        "This is not finished yet. Please open the page again in a few minutes: it shows whether it was done. If you"
        " try once more, nothing is done or paid twice."
    ),
)
"""For what a button has asked for: it may go on without the customer."""
KEPT_HEADERS: Final = ("Retry-After", "Allow")

log = structlog.get_logger("tenure.web")


class PageRoute(StorableRoute):
    """A route whose errors are pages. Use it as the `route_class` of a router of pages."""

    def get_route_handler(self) -> Callable[[Request], Any]:
        handle = super().get_route_handler()

        async def page(request: Request) -> Response:
            try:
                answer: Response = await handle(request)
            except Exception as error:  # noqa: BLE001 - whatever happens, people get a page
                return error_page(request, error)
            return answer

        return page


def error_page(
    request: Request, error: Exception, *, embed_in: Sequence[str] = (), reader: Reader | None = None
) -> Response:
    """Return the page for an error. One that is unexpected is logged, and its page says nothing about it.

    It is in the language of *reader*; None: in that of the browser.
    """
    expected = response_to(error)
    if expected is None:
        log.error("page failed", exc_info=error)
    status = expected.status_code if expected is not None else 500
    known = BY_STATUS.get(status, BY_STATUS[500 if status >= 500 else 400])
    if status == 503 and request.method == "POST":
        known = NOT_CERTAIN
    kept = {name: expected.headers[name] for name in KEPT_HEADERS if name in expected.headers} if expected else {}
    message = PageMessage(known.title, known.text, status)
    reference = current_request().request_id
    to = reader or reader_of(request)
    return pages_of(request).message(message, to, headers=kept, embed_in=embed_in, reference=reference)


def is_page(path: str) -> bool:
    """True if people open this path in a browser."""
    return any(path == root or path.startswith(root + "/") for root in PAGE_ROOTS)


def add_error_pages(app: FastAPI) -> None:
    """Answer what no route matches with a page where people look for one. Call it after `add_error_handlers`."""

    async def handle(request: Request, error: Exception) -> Response:
        return error_page(request, error) if is_page(request.url.path) else await handle_expected(request, error)

    app.add_exception_handler(HTTPException, handle)

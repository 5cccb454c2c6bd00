"""What errors say about the request that is being handled: its id, and where their codes are explained."""

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

ERRORS_PAGE: Final = "/docs/errors"


@dataclass(frozen=True)
class RequestContext:
    """The request that is being handled."""

    request_id: str = ""
    """As in the header `X-Request-Id`; empty outside of a request."""
    public_url: str = ""

    def explains(self, code: str) -> str:
        """The address at which an error code is explained."""
        return f"{self.public_url}{ERRORS_PAGE}#{code}"


_NONE: Final = RequestContext()
_current: ContextVar[RequestContext] = ContextVar("tenure_request")


def current_request() -> RequestContext:
    """Return the request that is being handled, or an empty one."""
    return _current.get(_NONE)


def begin_request(request: RequestContext) -> None:
    """Make *request* the current one, in this task and those that it starts."""
    _current.set(request)

"""What is known of an update: whether it may have reached Temporal, and what that means for its caller."""

from dataclasses import dataclass
from typing import Final

from temporalio.service import RPCError, RPCStatusCode

from domain.errors import GatewayUnavailable
from services.watched_temporal import NOT_CONNECTED, TemporalLost

REPEAT: Final = "repeat the request with the same Idempotency-Key to get its result: it will not be carried out twice"
NO_RESULT: Final = ("outcome_unknown", "still_working")
"""Codes of a command that may be carried out after its caller has heard no result."""
REFUSED: Final = frozenset(
    {
        RPCStatusCode.ALREADY_EXISTS,
        RPCStatusCode.FAILED_PRECONDITION,
        RPCStatusCode.INVALID_ARGUMENT,
        RPCStatusCode.NOT_FOUND,
        RPCStatusCode.PERMISSION_DENIED,
        RPCStatusCode.RESOURCE_EXHAUSTED,
        RPCStatusCode.UNAUTHENTICATED,
        RPCStatusCode.UNIMPLEMENTED,
    }
)
"""Answers of a server that has not taken the update."""


class OutcomeUnknown(GatewayUnavailable):
    """The command may have been carried out, or may yet be."""

    code = "outcome_unknown"


@dataclass
class Sending:
    """One update, which may be sent several times."""

    may_have_arrived: bool = False
    is_accepted: bool = False

    def note(self, error: RPCError, *, had_arrived: bool) -> None:
        """An attempt has failed; *had_arrived* is what was known before it."""
        if not _may_have_arrived(error):
            self.may_have_arrived = had_arrived

    def failure(self, why: str) -> GatewayUnavailable:
        """What to tell the caller when there is no result."""
        if self.is_accepted:
            return GatewayUnavailable(f"the command was accepted but is not finished; {REPEAT}", code="still_working")
        if self.may_have_arrived:
            return OutcomeUnknown(f"the command was sent, and whether it was accepted is not known; {REPEAT}")
        return GatewayUnavailable(why, code="temporal_unavailable")


def _may_have_arrived(error: RPCError) -> bool:
    """False if the update certainly was not accepted."""
    if isinstance(error, TemporalLost):
        return error.may_have_arrived
    return error.status not in REFUSED and NOT_CONNECTED not in error.message

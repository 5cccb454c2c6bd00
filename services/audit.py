"""Notes who asks for what before it is done, and what comes of it."""

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final, Protocol
from uuid import UUID

from domain.audit import AuditedCommand, AuditOutcome, reference_to
from domain.errors import GatewayBusy, GatewayForbidden, GatewayRefused, GatewayUnavailable, Rejected, TenureError

_log = logging.getLogger("tenure.audit")

NOTHING_DONE: Final = (Rejected, GatewayRefused, GatewayForbidden, GatewayBusy)
NOTHING_SENT: Final = frozenset({"temporal_unavailable", "busy"})
"""Codes of failures before anything was sent."""
LEFT_AFTER = timedelta(minutes=5)
"""A command that is older, and not settled, has lost its process."""


class AuditRecords(Protocol):
    """The audit: rows are only added."""

    async def ask(self, command: AuditedCommand) -> UUID:
        """Note that a command is asked for, before it is sent. Returns the entry's id.

        Raises:
            GatewayUnavailable: it is not noted, so the command must not be sent.
        """
        ...

    async def settle(
        self,
        asked: UUID,
        command: AuditedCommand,
        outcome: AuditOutcome,
        code: str = "",
        noted: Mapping[str, object] | None = None,
    ) -> None:
        """Note what came of a command; *command* may name a target that was not known when it was asked for.

        *noted* is what it has done, beside the target's own state after it.
        """
        ...

    async def settle_left(self, older_than: timedelta) -> int:
        """Settle what the process that sent it never did. Returns how many were settled."""
        ...


@dataclass
class Asked:
    """A command that is noted, and under way."""

    command: AuditedCommand
    reference: str
    """What stands for the reason."""
    target: str = ""
    """What it was about, if that was not known before."""
    refused: str = ""
    """Why nothing was done, where the error does not say."""
    noted: dict[str, object] = field(default_factory=dict)
    """What it has done, beside the target's own state after it."""


@asynccontextmanager
async def audited(audit: AuditRecords, command: AuditedCommand) -> AsyncIterator[Asked]:
    """Note *command*, then what comes of the block.

    If its end cannot be noted, or the process stops within it, the sweep settles it.

    Raises:
        GatewayUnavailable: it cannot be noted, and must not be sent.
    """
    id_ = await audit.ask(command)
    asked = Asked(command, reference_to(id_))
    try:
        yield asked
    except Exception as error:
        await _settle(audit, id_, asked, *_outcome_of(error, asked.refused))
        raise
    await _settle(audit, id_, asked, AuditOutcome.REFUSED if asked.refused else AuditOutcome.DONE, asked.refused)


async def _settle(audit: AuditRecords, id_: UUID, asked: Asked, outcome: AuditOutcome, code: str) -> None:
    command = asked.command
    if asked.target and not command.target.id:
        command = replace(command, target=replace(command.target, id=asked.target))
    try:
        await audit.settle(id_, command, outcome, code, asked.noted)
    except GatewayUnavailable as error:
        _log.warning("the outcome of %s is left to the sweep: %s", command.action, error.message)


def _outcome_of(error: Exception, refused: str) -> tuple[AuditOutcome, str]:
    if refused:
        return AuditOutcome.REFUSED, refused
    if not isinstance(error, TenureError):
        return AuditOutcome.UNKNOWN, "internal_error"
    if isinstance(error, NOTHING_DONE) or error.code in NOTHING_SENT:
        return AuditOutcome.REFUSED, error.code
    return AuditOutcome.UNKNOWN, error.code


class AuditSweep:
    """Implements `EventSweep`: settles commands whose process has stopped before it could."""

    def __init__(self, audit: AuditRecords) -> None:
        self._audit = audit

    async def sweep(self, seconds: float) -> int:  # noqa: ARG002 - one statement, whatever the time
        """Settle them; none counts as a webhook.

        Raises:
            GatewayUnavailable: the database does not respond.
        """
        await self._audit.settle_left(LEFT_AFTER)
        return 0

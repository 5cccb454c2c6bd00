"""Reconciliation: the activities that compare, heal and write down what was found."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from temporalio import activity

from activities.failures import as_temporal_failures
from domain.reconciliation.differences import Discrepancy
from domain.reconciliation.ports import Comparison, Found


@dataclass(frozen=True)
class Page:
    """What comparing one page has brought."""

    found: tuple[Discrepancy, ...] = ()
    next_cursor: str | None = None
    compared: int = 0
    not_ours: int = 0
    """Agreements that have nothing to do with us."""
    under_way: int = 0
    """Subscriptions that differ and are in the middle of something: they are looked at again next time."""


@dataclass(frozen=True)
class PageRequest:
    """Asks for the page at `cursor`; None: the first."""

    cursor: str | None
    run_began: datetime
    without_provider: bool = False
    """The provider gives no answer: only what can be compared without it."""


@dataclass(frozen=True)
class HealRequest:
    """Differences of one subscription."""

    run: str
    found: tuple[Discrepancy, ...]


@dataclass(frozen=True)
class NoteRequest:
    run: str
    found: tuple[Found, ...]


class Inspects(Protocol):
    """What compares subscriptions in all the places where they are kept."""

    async def agreements(self, cursor: str | None, run_began: datetime) -> Page: ...
    async def subscriptions(
        self, after: str | None, run_began: datetime, *, without_provider: bool = False
    ) -> Page: ...


class InspectsMails(Protocol):
    """What finds mails that nobody sends."""

    async def mails(self, after: str | None) -> Page: ...


class Heals(Protocol):
    """What has a subscription put right."""

    async def heal(self, run: str, found: Sequence[Discrepancy]) -> Sequence[Found]: ...


class ReconcileActivities:
    """The activities of reconciliation; one per worker."""

    def __init__(self, inspects: Inspects, mails: InspectsMails, heals: Heals, ours: Comparison) -> None:
        self._inspects = inspects
        self._mails = mails
        self._heals = heals
        self._ours = ours

    @activity.defn(name="compare_agreements")
    async def compare_agreements(self, request: PageRequest) -> Page:
        """A page of the provider's agreements against ours. Changes nothing but when they were seen."""
        with as_temporal_failures():
            return await self._inspects.agreements(request.cursor, request.run_began)

    @activity.defn(name="compare_subscriptions")
    async def compare_subscriptions(self, request: PageRequest) -> Page:
        """A page of our subscriptions against their workflows. Changes nothing."""
        with as_temporal_failures():
            return await self._inspects.subscriptions(
                request.cursor, request.run_began, without_provider=request.without_provider
            )

    @activity.defn(name="compare_mails")
    async def compare_mails(self, request: PageRequest) -> Page:
        """A page of mails that wait for long against the workflows that are to send them. Changes nothing."""
        with as_temporal_failures():
            return await self._mails.mails(request.cursor)

    @activity.defn(name="heal_subscription")
    async def heal_subscription(self, request: HealRequest) -> tuple[Found, ...]:
        """Heal what can be, and tell what came of it. Idempotent: what is right is left as it is."""
        with as_temporal_failures():
            return tuple(await self._heals.heal(request.run, request.found))

    @activity.defn(name="note_findings")
    async def note_findings(self, request: NoteRequest) -> None:
        """Write down what was found. Idempotent by run, kind, subscription and agreement."""
        with as_temporal_failures():
            await self._ours.keep(request.run, request.found)

    @activity.defn(name="forget_old_findings")
    async def forget_old_findings(self) -> None:
        """Remove what was found a month ago."""
        with as_temporal_failures():
            await self._ours.forget_old()

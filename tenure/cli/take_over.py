"""Adopts agreements one by one: check it, store its customer, start its workflow, and claim it last."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID, uuid5

from temporalio.client import Client

from api.http.fields import language_tag, new_external_id
from configuration.mail_addresses import mail_address
from configuration.timezones import is_timezone
from domain.catalog.plans import Catalog, Selection
from domain.errors import GatewayUnavailable, Rejected, TenureError
from domain.formatting import moment
from domain.imports.adoption import LEFT_TO_PROVIDER, NotAdoptable, Owner, PriceMap, adoptable, check, check_customer
from domain.money import formatted
from domain.names import DEFAULT_TENANT
from domain.provider.agreements import Agreement, AgreementState, KnownCustomer
from domain.provider.payments import Card
from domain.provider.ports import Agreements, CustomerContacts, Handover
from domain.subscription.policy import Policy
from services import subscription_client
from services.update_outcomes import NO_RESULT
from storage.subscriptions.adoptions import Adoptions
from storage.subscriptions.customers import Customers
from tenure.cli.pacing import Pace
from workflows.subscription.messages import SubscriptionInput

NAMESPACE: Final = UUID("0d7c5f0a-6a0e-4f43-9a3c-8f3a0d1f5b11")
"""Namespace of adopted subscriptions' ids, derived from tenant and agreement, so that a repeat finds the first."""
ACTOR = "operator tenure import"
PAGE = 100
AT_ONCE = 8
"""Agreements that are processed concurrently."""


class Result(StrEnum):
    """The outcome for an agreement."""

    WOULD = "would adopt"
    ADOPTED = "adopted"
    OURS = "already ours"
    SKIPPED = "skipped"
    FAILED = "FAILED"


@dataclass(frozen=True)
class Verdict:
    """One line of the report."""

    agreement_ref: str
    result: Result
    words: str


@dataclass(frozen=True)
class Offer:
    """The catalog, policy and prices that adopted subscriptions get."""

    catalog: Catalog
    policy: Policy
    prices: PriceMap
    external_id_key: str = "external_id"
    """In the customer's metadata; empty: the provider's own id."""


@dataclass(frozen=True)
class _Judged:
    """An agreement that can be adopted, with everything needed to do so."""

    agreement: Agreement
    selection: Selection
    customer: KnownCustomer
    card: Card | None
    external_id: str

    @property
    def words(self) -> str:
        chosen = self.selection
        extras = "".join(f" + {count} {code}" for code, count in chosen.add_ons.items())
        in_trial = self.agreement.state is AgreementState.IN_TRIAL
        until = self.agreement.trial_ends_at if in_trial else self.agreement.period_end
        states = {AgreementState.IN_TRIAL: "in trial", AgreementState.OWING: "owing"}
        state = states.get(self.agreement.state, "ending" if self.agreement.ends_at else "active")
        price = formatted(chosen.total)
        return (
            f"{chosen.plan}/{chosen.interval} x{chosen.quantity}{extras}, {price}, {state}"
            f" until {moment(until) if until else 'further notice'}"
        )


def _reachable(customer: KnownCustomer) -> KnownCustomer:
    """The customer with a normalised mail address."""
    try:
        return replace(customer, email=mail_address(customer.email))
    except ValueError as error:
        raise NotAdoptable([f"its customer's mail address cannot be used: {error}"]) from None


def subscription_id_of(agreement_ref: str, begun_before: int = 0, *, tenant: str = DEFAULT_TENANT) -> str:
    """The stable id of an agreement's subscription.

    Each earlier adoption that was *begun before* and left nothing behind yields another one.
    """
    again = f"/{begun_before}" if begun_before else ""
    return str(uuid5(NAMESPACE, f"{tenant}/{agreement_ref}{again}"))


class TakeOver:
    """Adopts agreements. Without a client it only reports what it would do, and writes nothing.

    It is safe to repeat and to interrupt at any moment: all ids derive from the agreement, and the agreement is claimed
    at the provider last.
    """

    def __init__(
        self,
        agreements: Agreements,
        contacts: CustomerContacts,
        handover: Handover,
        pace: Pace,
        customers: Customers,
        adoptions: Adoptions,
        client: Client | None,
        offer: Offer,
    ) -> None:
        self._agreements = agreements
        self._contacts = contacts
        self._handover = handover
        self._pace = pace
        self._customers = customers
        self._adoptions = adoptions
        self._client = client
        self._offer = offer
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        """One agreement per customer at a time: a customer can have only one subscription."""
        self._taken: dict[str, str] = {}
        """The agreement adopted for each external id in this run."""

    async def all(self, only: Sequence[str] = (), *, page: int = PAGE) -> AsyncIterator[Verdict]:
        """Yield the outcome for every agreement that has not ended, or only for those in *only*.

        Raises:
            GatewayUnavailable: the provider does not list its agreements.
            Rejected: code `unknown_agreement`; an agreement in *only* does not exist.
        """
        async for found in self._pages(only, page):
            for start in range(0, len(found), AT_ONCE):
                for verdict in await asyncio.gather(*(self._verdict(each) for each in found[start : start + AT_ONCE])):
                    yield verdict

    async def _pages(self, only: Sequence[str], limit: int) -> AsyncIterator[Sequence[Agreement]]:
        for ref in only:
            found = await self._pace(lambda ref=ref: self._agreements.find(ref))  # type: ignore[misc]
            if found is None:
                raise Rejected(f"the provider has no subscription {ref}", code="unknown_agreement")
            yield (found,)
        cursor: str | None = None
        while not only:
            page = await self._pace(lambda cursor=cursor: self._agreements.page(cursor, limit=limit))  # type: ignore[misc]
            yield page.agreements
            cursor = page.next_cursor
            if cursor is None:
                return

    async def _verdict(self, agreement: Agreement) -> Verdict:
        try:
            async with self._turns[agreement.customer_ref]:
                result, words = await self._deal_with(agreement)
        except NotAdoptable as error:
            result, words = Result.SKIPPED, error.message
        except TenureError as error:
            is_skipped = error.code in ("already_subscribed", "customer_clash", *LEFT_TO_PROVIDER)
            result, words = (Result.SKIPPED if is_skipped else Result.FAILED), error.message
        return Verdict(agreement.ref, result, words)

    async def _deal_with(self, agreement: Agreement) -> tuple[Result, str]:
        ours = await self._ours(agreement)
        if ours is not None:
            return Result.OURS, ours
        if self._client is None:
            judged = await self._judge(agreement)
            self._taken[judged.external_id] = agreement.ref
            return Result.WOULD, judged.words
        # Lists are read ahead; the current state decides.
        fresh = await self._pace(lambda: self._agreements.find(agreement.ref))
        judged = await self._judge(fresh or agreement)
        subscription = await self._adopt(judged, self._client)
        self._taken[judged.external_id] = agreement.ref
        return Result.ADOPTED, f"{judged.words}, as {subscription}"

    async def _ours(self, agreement: Agreement) -> str | None:
        """The id of the subscription that already adopted the agreement."""
        known = await self._adoptions.subscription_of(agreement.ref)
        if known is None and agreement.subscription:
            if not await self._adoptions.is_known(agreement.subscription):
                raise NotAdoptable(
                    [f"it is marked as belonging to subscription {agreement.subscription}, which does not exist here"]
                )
            return agreement.subscription
        if known is not None and not agreement.subscription and self._client is not None:
            await self._claim(agreement.ref, known)  # an earlier run was interrupted just before
        return known

    async def _judge(self, agreement: Agreement) -> _Judged:
        selection = check(agreement, self._offer.catalog, self._offer.prices, datetime.now(UTC))
        found = await self._pace(lambda: self._contacts.known_customer(agreement.customer_ref))
        card = await self._pace(lambda: self._handover.card_of_agreement(agreement.ref))
        customer = _reachable(check_customer(agreement, found, card))
        await self._check_is_alone_on(agreement, card)
        external_id = _known_as(customer.metadata.get(self._offer.external_id_key) or customer.customer_ref)
        await self._check_is_free(external_id, agreement)
        return _Judged(agreement, selection, customer, card, external_id)

    async def _check_is_alone_on(self, agreement: Agreement, card: Card | None) -> None:
        """The card becomes the customer's default: that must not charge it for an agreement left out."""
        if card is None:
            return
        other = await self._pace(lambda: self._handover.agreement_on_same_card(agreement.ref, card.ref))
        if other:
            reason = f"its own card would become its customer's default, and {other} is charged to another: give"
            raise NotAdoptable([f"{reason} that one a card of its own first, or end it"])

    async def _check_is_free(self, external_id: str, agreement: Agreement) -> None:
        await self._adoptions.check_customer(external_id, agreement.customer_ref)
        other = self._taken.get(external_id)
        if other is not None:
            raise NotAdoptable([f"its customer {external_id!r} has another, {other}, which is taken over"])
        live = await self._customers.live_subscription(tenant=self._adoptions.tenant, external_id=external_id)
        if live is not None:
            raise NotAdoptable([f"its customer {external_id!r} has a subscription here already: {live}"])

    async def _adopt(self, judged: _Judged, client: Client) -> str:
        agreement, known, card = judged.agreement, judged.customer, judged.card
        subscription_id = await self._new_id(agreement.ref)
        customer = await self._adoptions.keep_customer(
            external_id=judged.external_id,
            customer_ref=agreement.customer_ref,
            email=known.email,
            name=known.name,
            timezone=_timezone(known),
            locale=language_tag(known.locale),
            signing_up=subscription_id,
        )
        owner = Owner(self._adoptions.tenant, subscription_id, customer)
        subscription = adoptable(agreement, owner, card, judged.selection, self._offer.catalog, datetime.now(UTC))
        life = SubscriptionInput(
            subscription,
            self._offer.policy,
            signed_up_by=ACTOR,
            sign_up_key=f"import/{agreement.ref}",
            adopted=True,
        )
        await self._begin(client, life)
        if agreement.state is not AgreementState.IN_TRIAL:  # that one has ended
            await self._claim(agreement.ref, subscription_id)
        return subscription_id

    async def _new_id(self, agreement_ref: str) -> str:
        begun_before = 0
        while await self._adoptions.was_left(
            subscription_id_of(agreement_ref, begun_before, tenant=self._adoptions.tenant)
        ):
            begun_before += 1
        return subscription_id_of(agreement_ref, begun_before, tenant=self._adoptions.tenant)

    async def _begin(self, client: Client, life: SubscriptionInput) -> None:
        """Start the workflow once; one that was refused left nothing behind and is started again."""
        try:
            await subscription_client.sign_up(client, life)
        except GatewayUnavailable as error:
            if error.code not in NO_RESULT:
                raise
            raise GatewayUnavailable(
                "it was begun and is not finished, no worker or no provider answers: run this again"
            ) from None
        except subscription_client.WorkflowHasEnded:
            if await self._adoptions.is_known(life.subscription.id):
                raise Rejected(
                    f"it was taken over as {life.subscription.id}, which is over: end it at the provider too",
                    code="has_ended",
                ) from None
            await subscription_client.sign_up(client, life, restart=True)

    async def _claim(self, agreement_ref: str, subscription: str) -> None:
        key = f"{subscription}/claim/{agreement_ref}"
        await self._pace(lambda: self._agreements.claim(agreement_ref, subscription, key=key))


def _known_as(external_id: str) -> str:
    """The id of a customer here, as requests have it.

    Raises:
        NotAdoptable: no request may have it, or it would read another customer.
    """
    try:
        return new_external_id(external_id)
    except ValueError as error:
        raise NotAdoptable([f"the external id of its customer, {external_id[:64]!r}: {error}"]) from None


def _timezone(customer: KnownCustomer) -> str | None:
    """The time zone in the metadata if it is valid, else None."""
    zone = customer.metadata.get("timezone") or ""
    return zone if is_timezone(zone) else None

"""Adoption: which agreements created elsewhere become subscriptions here, and in which state."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from domain.catalog.plans import Catalog, Interval, Item, Selection, catalog_of, is_lookup_key
from domain.errors import Rejected
from domain.formatting import moment
from domain.imports import overage_match
from domain.money import Money, formatted, max_amount
from domain.provider.agreements import AgreedItem, Agreement, AgreementState, KnownCustomer
from domain.provider.payments import Card, Charge, ChargeOutcome
from domain.subscription.ends import EndKind
from domain.subscription.journal import Cause, Entry, Step, TrialClaim
from domain.subscription.lifecycle import Event, Status
from domain.subscription.payments_received import waived_with
from domain.subscription.state import Subscription

TRIAL_MARGIN = timedelta(hours=1)
"""A trial that ends sooner is left to the provider, so that it does not bill during the adoption."""

TRIAL_CHANGED = "trial_changed"
TRIAL_ENDS_SOON = "trial_ends_soon"
LEFT_TO_PROVIDER = frozenset({TRIAL_CHANGED, TRIAL_ENDS_SOON})
"""Error codes for trials that are left to the provider."""


@dataclass(frozen=True)
class PriceMap:
    """The plans and add-ons that prices outside the catalog stand for, by their ids at the provider."""

    plans: Mapping[str, str] = field(default_factory=dict)
    add_ons: Mapping[str, str] = field(default_factory=dict)


class NotAdoptable(Rejected):
    """An agreement cannot be adopted; `reasons` lists everything that prevents it."""

    code = "not_adoptable"

    def __init__(self, reasons: list[str]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = tuple(reasons)


@dataclass(frozen=True)
class Owner:
    """Whom an adopted subscription will belong to."""

    tenant: str
    subscription: str
    customer: str


def check(agreement: Agreement, catalog: Catalog, prices: PriceMap, now: datetime) -> Selection:
    """Returns an agreement's content as a selection from the catalog, at the customer's price.

    Raises:
        NotAdoptable: it cannot be continued here.
    """
    reasons = [*_of_state(agreement, now), *agreement.hindrances, *_of_items(agreement, catalog, prices)]
    if reasons:
        raise NotAdoptable(reasons)
    return _selection(agreement, catalog, prices)


def check_customer(agreement: Agreement, customer: KnownCustomer | None, card: Card | None) -> KnownCustomer:
    """Returns the customer if we can send them mail and charge their card.

    Raises:
        NotAdoptable: otherwise.
    """
    if customer is None:
        raise NotAdoptable(["its customer was deleted"])
    reasons = []
    if not customer.email:
        reasons.append("its customer has no mail address")
    if card is None and agreement.state is not AgreementState.IN_TRIAL:
        reasons.append("no card is on file")
    if card is not None and not card.exp_year:
        reasons.append(f"it is paid by {card.brand}, not by a card")
    if reasons:
        raise NotAdoptable(reasons)
    return customer


def _of_state(agreement: Agreement, now: datetime) -> Iterator[str]:
    match agreement.state:
        case AgreementState.UNBEGUN:
            yield "its first invoice was not paid"
        case AgreementState.STOPPED:
            yield "the provider has stopped billing it"
        case AgreementState.ENDED:
            yield "it is over"
        case AgreementState.IN_TRIAL:
            yield from _of_trial(agreement, now)
        case _:
            yield from _of_billing(agreement)
    if agreement.is_held:
        yield "billing is on hold: resume it first"


def _of_trial(agreement: Agreement, now: datetime) -> Iterator[str]:
    ends_at = agreement.trial_ends_at
    if ends_at is None or ends_at < now + TRIAL_MARGIN:
        yield "its trial ends within the hour: run this again once it is paid"
    elif agreement.ends_at is not None and agreement.ends_at != ends_at:
        yield f"it ends at {moment(agreement.ends_at)}, which is not the end of its trial"


def _of_billing(agreement: Agreement) -> Iterator[str]:
    if agreement.period_end is None:
        yield "it has no period"
    is_owing = agreement.state is AgreementState.OWING or _is_declined(agreement.latest)
    if is_owing and not _is_declined(agreement.latest):
        yield "what it owes is not its latest invoice, or is being paid right now: settle that first"
    if is_owing and agreement.ends_at is not None:
        yield "it owes an invoice and is set to end: let it end, or undo the cancellation"
    elif agreement.ends_at is not None and agreement.ends_at != agreement.period_end:
        yield f"it ends at {moment(agreement.ends_at)}, which is not the end of its period"


def _is_declined(latest: Charge | None) -> bool:
    return latest is not None and latest.decline is not None


def _of_items(agreement: Agreement, catalog: Catalog, prices: PriceMap) -> Iterator[str]:
    sold = [item for item in agreement.items if not item.is_by_use]
    codes = [code_of(item, catalog, prices) for item in sold]
    for item, code in zip(sold, codes, strict=True):
        if code is None:
            named = f" ({item.lookup_key})" if item.lookup_key else ""
            yield f"the price {item.price_ref}{named} is not in the catalog: map it to a plan or add-on in a map file"
        elif item.quantity < 1 and code in catalog.plans:
            yield f"its plan {code} has no quantity"
        yield from _of_price(item, catalog)
        if agreement.state is AgreementState.IN_TRIAL and not item.is_sold:
            yield f"the price {item.price_ref} is archived, so the trial could not be converted"
    known = [code for code in codes if code is not None]
    if None not in codes and sum(code in catalog.plans for code in known) != 1:
        yield f"it has {sum(code in catalog.plans for code in known)} plans, not one"
    if len(set(known)) < len(known):
        yield "it has two lines for the same add-on"
    if len({(item.interval, item.interval_count) for item in agreement.items}) > 1:
        yield "its prices have different billing intervals"
    plans = [(catalog.plans[code or ""], item) for code, item in zip(codes, sold, strict=True) if code in catalog.plans]
    yield from overage_match.differs(agreement.items, plans, catalog)
    yield from _of_amount(agreement)


def _of_price(item: AgreedItem, catalog: Catalog) -> Iterator[str]:
    if item.interval not in [*Interval] or item.interval_count != 1:
        yield f"the price {item.price_ref} is billed every {item.interval_count} {item.interval}s, not by month or year"
    if item.currency != catalog.currency:
        yield f"the price {item.price_ref} is in {item.currency}, the catalog in {catalog.currency}"


def _of_amount(agreement: Agreement) -> Iterator[str]:
    if any(item.unit_amount is None and not item.is_by_use for item in agreement.items):
        return  # already reported as a hindrance
    amount = _amount(agreement)
    if amount == 0:
        yield "it costs nothing"
    for currency in {item.currency for item in agreement.items if amount > max_amount(item.currency)}:
        yield f"a period costs {formatted(Money(amount, currency))}, more than can be charged at once"


def _amount(agreement: Agreement) -> int:
    return sum((item.unit_amount or 0) * item.quantity for item in agreement.items)


def code_of(item: AgreedItem, catalog: Catalog, prices: PriceMap) -> str | None:
    """Returns the plan or add-on that a price stands for: by its lookup key if the catalog has it, else as mapped."""
    named = re.fullmatch(rf"{re.escape(catalog.product)}_(.+)_(?:month|year)_v[0-9]+", item.lookup_key)
    if named is not None and (named[1] in catalog.plans or named[1] in catalog.add_ons):
        return named[1]
    # An id that looks like one of our lookup keys could not be distinguished from one later.
    if is_lookup_key(item.price_ref):
        return None
    return prices.plans.get(item.price_ref) or prices.add_ons.get(item.price_ref)


def _selection(agreement: Agreement, catalog: Catalog, prices: PriceMap) -> Selection:
    coded = [(code_of(item, catalog, prices) or "", item) for item in agreement.items if not item.is_by_use]
    by_use = tuple(Item(item.lookup_key, 0) for item in agreement.items if item.is_by_use)
    code, plan = next((code, item) for code, item in coded if code in catalog.plans)
    return Selection(
        plan=code,
        plan_name=catalog.plans[code].name,
        interval=Interval(plan.interval),
        quantity=plan.quantity,
        add_ons={code: item.quantity for code, item in coded if code in catalog.add_ons and item.quantity},
        items=(*(_item(code, item, catalog) for code, item in coded if item.quantity), *by_use),
        total=Money(_amount(agreement), catalog.currency),
        catalog=catalog_of(plan.lookup_key, code) or catalog.name,
    )


def _item(code: str, item: AgreedItem, catalog: Catalog) -> Item:
    is_ours = re.fullmatch(rf"{re.escape(catalog.product)}_{re.escape(code)}_(?:month|year)_v[0-9]+", item.lookup_key)
    return Item(item.lookup_key if is_ours else item.price_ref, item.quantity)


def adoptable(
    agreement: Agreement, owner: Owner, card: Card | None, selection: Selection, catalog: Catalog, now: datetime
) -> Subscription:
    """Returns the subscription that continues an agreement. It checks the provider immediately."""
    taken_over = Subscription.to(
        selection, subscription_id=owner.subscription, tenant=owner.tenant, customer=owner.customer, created_at=now
    )
    return replace(
        taken_over,
        customer_ref=agreement.customer_ref,
        agreement_ref=agreement.ref,
        card=card,
        card_since=now if card is not None else None,
        cancel_at=agreement.ends_at,
        cancel_reason="canceled before it was taken over" if agreement.ends_at is not None else "",
        # Who asked for it is not known here: it was asked for at the provider.
        end_kind=EndKind.PROVIDER if agreement.ends_at is not None else None,
        free_plan=catalog.free_plan,
        **_state(agreement, now),  # type: ignore[arg-type]
    )


def _state(agreement: Agreement, now: datetime) -> dict[str, object]:
    latest = agreement.latest
    invoice = latest.invoice if latest is not None else None
    is_settled = latest is not None and latest.outcome in (ChargeOutcome.PAID, ChargeOutcome.GONE)
    settled_invoice = invoice.ref if invoice is not None and is_settled else ""
    is_waived = latest is not None and latest.outcome is ChargeOutcome.GONE
    if agreement.state is AgreementState.IN_TRIAL:
        return {
            "status": Status.TRIALING,
            "trial_ends_at": agreement.trial_ends_at,
            "settled_invoice": settled_invoice,
        }
    return {
        "status": Status.ACTIVE,
        "period_start": agreement.period_start,
        "period_end": agreement.period_end,
        "ask_at": now,
        "settled_invoice": settled_invoice,
        "waived_invoices": waived_with((), invoice) if is_waived else (),
        # The card networks also count attempts made by others.
        "recent_tries": (now,) * invoice.attempts if invoice is not None and _is_declined(latest) else (),
    }


def adopted(subscription: Subscription, agreement_ref: str, now: datetime, cause: Cause) -> Step:
    """The first step of an adopted subscription. It sends no mail, as nothing changes for the customer."""
    after = subscription.after(Event.NOTED)
    is_trial = after.status is Status.TRIALING
    until = after.trial_ends_at if is_trial else after.period_end
    what = f"the trial of {after.plan_name} that ends" if is_trial else f"{after.plan_name}, billed until"
    summary = f"Taken over: {what} {moment(until) if until else ''}".rstrip()
    entry = Entry("adopted", now, summary, cause, {"agreement": agreement_ref})
    return Step(after, (entry,), trial=TrialClaim() if is_trial else None)


def handed_over(subscription: Subscription, now: datetime, cause: Cause) -> Step:
    """The provider's own trial has ended: from now on only ours runs."""
    after = subscription.after(Event.NOTED, agreement_ref="", settled_invoice="")
    details = {"agreement": subscription.agreement_ref}
    return Step(after, (Entry("handed_over", now, "The provider's own trial has ended", cause, details),))


def check_as_judged(
    agreement: Agreement | None,
    items: Iterable[Item],
    trial_ends_at: datetime | None,
    ends_at: datetime | None,
    not_before: datetime,
) -> None:
    """Rejects a trial that has changed since it was checked, or that ends before *not_before*.

    Raises:
        Rejected: code `trial_changed` or `trial_ends_soon`.
    """
    if agreement is None or agreement.is_over:
        raise Rejected("it has been canceled at the provider", code=TRIAL_CHANGED)
    if agreement.state is not AgreementState.IN_TRIAL:
        raise Rejected("it is no longer in trial: run this again", code=TRIAL_CHANGED)
    if trial_ends_at is None or trial_ends_at < not_before:
        raise Rejected("its trial ends within the hour: run this again once it is paid", code=TRIAL_ENDS_SOON)
    if agreement.trial_ends_at != trial_ends_at or agreement.ends_at != ends_at:
        raise Rejected("the end of its trial, or what happens then, has changed: run this again", code=TRIAL_CHANGED)
    if agreement.is_held or not _has_items(agreement, items):
        raise Rejected("its items or its hold have changed: run this again", code=TRIAL_CHANGED)


def _has_items(agreement: Agreement, items: Iterable[Item]) -> bool:
    agreed = [item for item in agreement.items if item.quantity or item.is_by_use]
    wanted = {item.lookup_key: item.quantity for item in items}
    names = [item.lookup_key if item.lookup_key in wanted else item.price_ref for item in agreed]
    return {name: item.quantity for name, item in zip(names, agreed, strict=True)} == wanted

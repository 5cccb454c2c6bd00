"""Taking over: which agreements that were made elsewhere become subscriptions here, and how they stand then."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from domain.catalog.plans import Catalog, Interval, Item, Selection, catalog_of, is_lookup_key
from domain.currencies import max_amount
from domain.errors import Rejected
from domain.formatting import moment
from domain.imports import overage_match
from domain.money import Money
from domain.provider.agreements import AgreedItem, Agreement, AgreementState, KnownCustomer
from domain.provider.payments import Card, Charge, ChargeOutcome
from domain.subscription.journal import Cause, Entry, Step, TrialClaim
from domain.subscription.lifecycle import Event, Status
from domain.subscription.state import Subscription

TRIAL_MARGIN = timedelta(hours=1)
"""A trial that ends sooner is left to the provider: it must not bill while the trial is being taken over."""

TRIAL_CHANGED = "trial_changed"
TRIAL_ENDS_SOON = "trial_ends_soon"
LEFT_TO_PROVIDER = frozenset({TRIAL_CHANGED, TRIAL_ENDS_SOON})
"""Codes with which a trial is left where it is."""


@dataclass(frozen=True)
class PriceMap:
    """What prices that are not of the catalog stand for, by their ids at the provider."""

    plans: Mapping[str, str] = field(default_factory=dict)
    add_ons: Mapping[str, str] = field(default_factory=dict)


class NotAdoptable(Rejected):
    """An agreement that is left where it is; `reasons` has all that is in the way."""

    code = "not_adoptable"

    def __init__(self, reasons: list[str]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = tuple(reasons)


@dataclass(frozen=True)
class Owner:
    """Whose an adopted subscription will be."""

    tenant: str
    subscription: str
    customer: str


def check(agreement: Agreement, catalog: Catalog, prices: PriceMap, now: datetime) -> Selection:
    """What an agreement is about, in the catalog's words, at the price that the customer has.

    Raises:
        NotAdoptable: it cannot be carried on here.
    """
    reasons = [*_of_state(agreement, now), *agreement.hindrances, *_of_items(agreement, catalog, prices)]
    if reasons:
        raise NotAdoptable(reasons)
    return _selection(agreement, catalog, prices)


def check_customer(agreement: Agreement, customer: KnownCustomer | None, card: Card | None) -> KnownCustomer:
    """The customer, whom we can write to and whose card we can charge.

    Raises:
        NotAdoptable: we cannot.
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
            yield "its first bill was not paid"
        case AgreementState.STOPPED:
            yield "the provider has stopped billing it"
        case AgreementState.ENDED:
            yield "it is over"
        case AgreementState.IN_TRIAL:
            yield from _of_trial(agreement, now)
        case _:
            yield from _of_billing(agreement)
    if agreement.is_held:
        yield "billing is on hold: take it up again first"


def _of_trial(agreement: Agreement, now: datetime) -> Iterator[str]:
    ends_at = agreement.trial_ends_at
    if ends_at is None or ends_at < now + TRIAL_MARGIN:
        yield "its trial ends within the hour: run this again when it is paid for"
    elif agreement.ends_at is not None and agreement.ends_at != ends_at:
        yield f"it ends at {moment(agreement.ends_at)}, which is not the end of its trial"


def _of_billing(agreement: Agreement) -> Iterator[str]:
    if agreement.period_end is None:
        yield "it has no period"
    is_owing = agreement.state is AgreementState.OWING or _is_declined(agreement.latest)
    if is_owing and not _is_declined(agreement.latest):
        yield "what it owes is not its newest bill, or is just being paid: settle that first"
    if is_owing and agreement.ends_at is not None:
        yield "it owes a bill and is set to end: let it end, or take the cancellation back"
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
            yield f"the price {item.price_ref}{named} is not of the catalog: name its plan or add-on in a map file"
        elif item.quantity < 1 and code in catalog.plans:
            yield f"of its plan {code} it has none"
        yield from _of_price(item, catalog)
        if agreement.state is AgreementState.IN_TRIAL and not item.is_sold:
            yield f"the price {item.price_ref} is archived, so that the trial could not be converted"
    known = [code for code in codes if code is not None]
    if None not in codes and sum(code in catalog.plans for code in known) != 1:
        yield f"of plans it has {sum(code in catalog.plans for code in known)}, not one"
    if len(set(known)) < len(known):
        yield "an add-on of it stands in two lines"
    if len({(item.interval, item.interval_count) for item in agreement.items}) > 1:
        yield "its prices are billed at different paces"
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
        return  # a hindrance that is told already
    amount = _amount(agreement)
    if amount == 0:
        yield "it costs nothing"
    if any(amount > max_amount(item.currency) for item in agreement.items):
        yield f"a period costs {amount} (minor units), more than can be billed at once"


def _amount(agreement: Agreement) -> int:
    return sum((item.unit_amount or 0) * item.quantity for item in agreement.items)


def code_of(item: AgreedItem, catalog: Catalog, prices: PriceMap) -> str | None:
    """The plan or add-on that a price stands for: by its name if that is the catalog's, else as mapped."""
    named = re.fullmatch(rf"{re.escape(catalog.product)}_(.+)_(?:month|year)_v[0-9]+", item.lookup_key)
    if named is not None and (named[1] in catalog.plans or named[1] in catalog.add_ons):
        return named[1]
    # An id that reads like a name of ours could not be told apart from one later on.
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
    """The subscription that carries an agreement on. Its first look at the provider is due at once."""
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
        free_plan=catalog.free_plan,
        **_standing(agreement, now),  # type: ignore[arg-type]
    )


def _standing(agreement: Agreement, now: datetime) -> dict[str, object]:
    latest = agreement.latest
    bill = latest.invoice if latest is not None else None
    is_settled = latest is not None and latest.outcome in (ChargeOutcome.PAID, ChargeOutcome.GONE)
    settled_invoice = bill.ref if bill is not None and is_settled else ""
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
        # The card networks count what others have tried, too.
        "recent_tries": (now,) * bill.attempts if bill is not None and _is_declined(latest) else (),
    }


def adopted(subscription: Subscription, agreement_ref: str, now: datetime, cause: Cause) -> Step:
    """The first step of a life that was begun elsewhere. The customer is told nothing: nothing changes for them."""
    after = subscription.after(Event.NOTED)
    is_trial = after.status is Status.TRIALING
    until = after.trial_ends_at if is_trial else after.period_end
    what = f"the trial of {after.plan_name} that ends" if is_trial else f"{after.plan_name}, billed until"
    summary = f"Taken over: {what} {moment(until) if until else ''}".rstrip()
    entry = Entry("adopted", now, summary, cause, {"agreement": agreement_ref})
    return Step(after, (entry,), trial=TrialClaim() if is_trial else None)


def handed_over(subscription: Subscription, now: datetime, cause: Cause) -> Step:
    """The provider's own trial has ended: from now on it is ours alone."""
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
    """Refuse a trial of which something has changed since it was judged, or that ends before *not_before*.

    Raises:
        Rejected: code `trial_changed` or `trial_ends_soon`.
    """
    if agreement is None or agreement.is_over:
        raise Rejected("it was canceled at the provider meanwhile", code=TRIAL_CHANGED)
    if agreement.state is not AgreementState.IN_TRIAL:
        raise Rejected("it is in trial no longer: run this again", code=TRIAL_CHANGED)
    if trial_ends_at is None or trial_ends_at < not_before:
        raise Rejected("its trial ends within the hour: run this again when it is paid for", code=TRIAL_ENDS_SOON)
    if agreement.trial_ends_at != trial_ends_at or agreement.ends_at != ends_at:
        raise Rejected(
            "when its trial ends, or whether it goes on then, was changed: run this again", code=TRIAL_CHANGED
        )
    if agreement.is_held or not _is_about(agreement, items):
        raise Rejected("what it is about was changed meanwhile: run this again", code=TRIAL_CHANGED)


def _is_about(agreement: Agreement, items: Iterable[Item]) -> bool:
    told = [item for item in agreement.items if item.quantity or item.is_by_use]
    wanted = {item.lookup_key: item.quantity for item in items}
    names = [item.lookup_key if item.lookup_key in wanted else item.price_ref for item in told]
    return {name: item.quantity for name, item in zip(names, told, strict=True)} == wanted

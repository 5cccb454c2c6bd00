"""Notices ahead of a renewal: that it is coming, or that the card will have expired by then."""

from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from domain.catalog.plans import Interval
from domain.formatting import moment
from domain.notifications.mail_types import Occasion
from domain.provider.payments import Card, UpcomingInvoice
from domain.subscription.contact_hours import Hours, on_the_day
from domain.subscription.journal import Cause, Entry, Step
from domain.subscription.lifecycle import Event, Status
from domain.subscription.mails import mail
from domain.subscription.policy import Policy
from domain.subscription.state import Notice, NoticeKind, Subscription


def expires(card: Card) -> datetime | None:
    """Returns when a card expires: after its last month; None if unknown."""
    if not (card.exp_year and 1 <= card.exp_month <= 12):
        return None
    year, month = (card.exp_year + 1, 1) if card.exp_month == 12 else (card.exp_year, card.exp_month + 1)
    return datetime(year, month, 1, tzinfo=UTC)


def wanted(subscription: Subscription, policy: Policy) -> tuple[Notice, ...]:
    """Returns the notices for the next renewal, each timed at the renewal and not laid out yet."""
    renews_at = subscription.period_end
    if renews_at is None or not _renews(subscription):
        return ()
    days: dict[NoticeKind, Sequence[int]] = {}
    if subscription.interval is Interval.YEAR:
        days[NoticeKind.RENEWAL_AHEAD] = policy.renewal_ahead
    good_until = expires(subscription.card) if subscription.card is not None else None
    if good_until is not None and good_until <= renews_at:
        days[NoticeKind.CARD_EXPIRING] = policy.card_expiring
    return tuple(Notice(kind, number, renews_at) for kind, numbers in days.items() for number in numbers)


def _renews(subscription: Subscription) -> bool:
    is_ending = subscription.cancel_at is not None or subscription.pending_change is not None
    bills_on = bool(subscription.agreement_ref) and subscription.status is Status.ACTIVE
    return bills_on and not is_ending and subscription.dispute is None


def laid_out(notices: Sequence[Notice], hours: Hours, timezone: str, now: datetime) -> tuple[Notice, ...]:
    """Schedules notices within the customer's contact hours; earliest first, without those already past."""
    zone = ZoneInfo(timezone)
    placed = [Notice(each.kind, each.days, on_the_day(each.at, -each.days, hours, zone)) for each in notices]
    return tuple(sorted((each for each in placed if each.at > now), key=lambda each: (each.at, each.kind)))


def key_of(subscription: Subscription, policy: Policy) -> str:
    """Identifies the notices of the next renewal: while it is unchanged, nothing is rescheduled. Empty: none."""
    return ",".join(f"{each.kind}/{each.days}/{moment(each.at)}" for each in wanted(subscription, policy))


def can_be_quoted(subscription: Subscription, now: datetime) -> bool:
    """True if the provider can quote the renewal: it is upcoming, and the provider's to begin."""
    is_ahead = subscription.period_end is not None and subscription.period_end > now
    is_ours = subscription.begins_own_period or subscription.owes_new_period or subscription.agreement_is_stale
    return is_ahead and not is_ours and bool(subscription.agreement_ref)


def notified(subscription: Subscription, now: datetime, cause: Cause, upcoming: UpcomingInvoice | None = None) -> Step:
    """Sends due notices; of several of a kind only the latest, and none for a renewal that has passed.

    *upcoming* is what the renewal will bill by the provider's quote; None: unknown, so no amount is stated.
    """
    latest = {notice.kind: notice for notice in subscription.notices if notice.at <= now}
    ahead = tuple(notice for notice in subscription.notices if notice.at > now)
    after = subscription.after(Event.NOTIFIED, notices=ahead)
    renews_at = moment(subscription.period_end or now)
    entries, mails = [], []
    for kind, notice in latest.items():
        if subscription.period_end is not None and subscription.period_end <= now:
            summary = f"{notice.days}-day notice ({kind.replace('_', ' ')}) skipped: the renewal has passed"
            entries.append(Entry("notice_skipped", now, summary, cause))
            continue
        entries.append(Entry(str(kind), now, f"{_SUMMARY[kind]} at {renews_at}", cause, {"days": str(notice.days)}))
        facts = {"renews_at": renews_at} | _card_facts(subscription, kind)
        if upcoming is not None:
            facts |= {"amount_due": str(upcoming.amount_due), "currency": upcoming.currency}
        key = f"{renews_at}/{notice.days}"
        mails.append(mail(after, Occasion(str(kind)), now, occasion_key=key, **facts))
    return Step(after, tuple(entries), tuple(mails))


_SUMMARY = {
    NoticeKind.RENEWAL_AHEAD: "Customer notified of the renewal",
    NoticeKind.CARD_EXPIRING: "Customer notified that the card will have expired at the renewal",
}


def _card_facts(subscription: Subscription, kind: NoticeKind) -> dict[str, str]:
    card = subscription.card
    if kind is not NoticeKind.CARD_EXPIRING or card is None:
        return {}
    return {"card_exp": f"{card.exp_month:02}/{card.exp_year}"}

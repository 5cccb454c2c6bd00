"""Pages on which there is something to choose before the button: a cancellation and a pause."""

import re
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from fastapi import Response
from pydantic import ValidationError

from api.billing_pages.flows import NOT_OFFERED, Fields, can
from api.billing_pages.visits import SEQUENCE, Visit
from api.subscriptions import lifecycle_commands, plan_commands
from api.subscriptions.requests import CancelRequest, PauseRequest
from domain.billing_flows import BillingFlow
from domain.errors import GatewayUnavailable, TenureError
from domain.formatting import moment
from domain.subscription import guards
from domain.subscription.cancellation import CancelPreview, previewed
from domain.subscription.commands import CancelAt
from domain.subscription.ends import ReasonCode
from domain.subscription.policy import SelfCancel
from localization.languages import sentence

REASONS: Final = {
    ReasonCode.TOO_EXPENSIVE: sentence("It is too expensive"),
    ReasonCode.MISSING_FEATURES: sentence("Something that I need is missing"),
    ReasonCode.SWITCHED_SERVICE: sentence("I use another service now"),
    ReasonCode.UNUSED: sentence("I do not use it enough"),
    ReasonCode.CUSTOMER_SERVICE: sentence("I was not helped well"),
    ReasonCode.LOW_QUALITY: sentence("It does not work well enough"),
    ReasonCode.TOO_COMPLEX: sentence("It is too complicated"),
    ReasonCode.OTHER: sentence("Another reason"),
}
PAUSES: Final = (30, 60, 90)
"""Days for which a customer can pause, up to the longest that the policy allows."""
WRONG: Final = sentence("Please choose one of these.")
TOO_LONG: Final = sentence("Please write at most 1,000 characters, and none that cannot be printed.")

SHOWN_END, SHOWN_LOSS, SHOWN_LOSS_NOW = "shown_end", "shown_loss", "shown_loss_now"
"""The hidden fields with what the page has said that a cancellation does: it is carried out for no less."""
CHANGED: Final = "cancellation_changed"


def show_cancel(
    visit: Visit, fields: Fields | None = None, *, errors: dict[str, str] | None = None, problem: str = ""
) -> Response:
    """Return the page that says what a cancellation does; where none is possible, what is so."""
    given, subscription, now = fields or {}, visit.subscription, visit.account.now
    words = visit.reader.language.words
    why = can(lambda: guards.check_cancel(subscription, CancelAt.PERIOD_END))
    at_end, at_once = (previewed(subscription, at, now) for at in (CancelAt.PERIOD_END, CancelAt.NOW))
    return visit.page(
        "cancel.html",
        BillingFlow.CANCEL,
        status=422 if errors else 200,
        why=why,
        problem="" if why else problem,
        at_end=at_end,
        at_once=at_once,
        shown_effects={
            SHOWN_END: moment(at_end.undo_until) if at_end.undo_until is not None else "",
            SHOWN_LOSS: str(at_end.loses_paid_days),
            SHOWN_LOSS_NOW: str(at_once.loses_paid_days),
        },
        can_end_now=_may_end_now(visit),
        can_pause=visit.offers.pause
        and subscription.pause is None
        and not can(lambda: guards.check_pause(subscription, None, now)),
        can_undo=not can(lambda: guards.check_uncancel(subscription)),
        reasons=[(code.value, words.gettext(text), "") for code, text in REASONS.items()],
        given_at=given.get("at", ""),
        given_reason=given.get("reason_code", ""),
        comment=given.get("comment", ""),
        errors=errors or {},
    )


async def press_cancel(visit: Visit, fields: Fields) -> Response:
    """Cancel, and show when it ends."""
    if fields.get("at") == CancelAt.NOW and not _may_end_now(visit):
        return show_cancel(visit, fields, problem=NOT_OFFERED)
    at = CancelAt.NOW if fields.get("at") == CancelAt.NOW else CancelAt.PERIOD_END
    given = {"at": at, "reason_code": fields.get("reason_code") or None, "comment": fields.get("comment") or None}
    try:
        body = CancelRequest.model_validate(given)
    except ValidationError as error:
        words, named = visit.reader.language.words, {str(one["loc"][0]) for one in error.errors()}
        texts = {"comment": TOO_LONG, "reason_code": WRONG}
        return show_cancel(visit, fields, errors={name: words.gettext(texts.get(name, WRONG)) for name in named})
    if _does_more_than_shown(visit, at, fields):
        return show_cancel(visit, fields, problem=CHANGED)
    context = visit.context(BillingFlow.CANCEL, fields.get(SEQUENCE, ""))
    try:
        async with visit.with_reason(context, "cancelSubscription", body.words) as noted:
            await lifecycle_commands.cancel(visit.subscription.id, noted, body)
    except GatewayUnavailable:
        raise
    except TenureError as error:
        return show_cancel(await visit.again(), problem=error.code)
    return visit.back_to(BillingFlow.CANCEL)


def _does_more_than_shown(visit: Visit, at: CancelAt, fields: Fields) -> bool:
    """True if it would now end earlier than the page has said, or lose more paid days: by a renewal, say.

    A form that is sent twice is let through where the first one has been carried out: the command then answers alike.
    """
    subscription = visit.subscription
    is_done = subscription.is_over or (at is CancelAt.PERIOD_END and subscription.cancel_at is not None)
    if is_done or SHOWN_LOSS not in fields:
        return False
    present = previewed(subscription, at, visit.account.now)
    shown_loss = fields.get(SHOWN_LOSS_NOW if at is CancelAt.NOW else SHOWN_LOSS, "")
    if not re.fullmatch("[0-9]{1,6}", shown_loss) or present.loses_paid_days > int(shown_loss):
        return True
    return at is CancelAt.PERIOD_END and _ends_earlier(present, fields.get(SHOWN_END, ""))


def _ends_earlier(present: CancelPreview, shown: str) -> bool:
    if not shown:
        return False
    try:
        return present.undo_until is None or present.undo_until < datetime.fromisoformat(shown)
    except (ValueError, TypeError):  # not what the page has written
        return True


def _may_end_now(visit: Visit) -> bool:
    return visit.offers.cancel is SelfCancel.NOW and not visit.link


def show_pause(visit: Visit, *, errors: dict[str, str] | None = None, problem: str = "") -> Response:
    """Return the page that says what a pause does."""
    subscription, now, formats = visit.subscription, visit.account.now, visit.reader.formats
    day = visit.reader.language.words.gettext("Until %(day)s")
    why = "" if visit.offers.pause else NOT_OFFERED
    why = why or ("paused" if subscription.pause else can(partial(guards.check_pause, subscription, None, now)))
    return visit.page(
        "pause.html",
        BillingFlow.PAUSE,
        status=422 if errors else 200,
        why=why,
        problem="" if why else problem,
        choices=[(str(days), day % {"day": formats.day(now + timedelta(days=days))}, "") for days in _pauses(visit)],
        errors=errors or {},
    )


async def press_pause(visit: Visit, fields: Fields) -> Response:
    """Pause for as long as was chosen."""
    until = fields.get("until", "")
    if not visit.offers.pause:
        return show_pause(visit)
    if until not in map(str, _pauses(visit)):
        return show_pause(visit, errors={"until": visit.reader.language.words.gettext(WRONG)})
    body = PauseRequest(resumes_at=visit.account.now + timedelta(days=int(until)))
    context = visit.context(BillingFlow.PAUSE, fields.get(SEQUENCE, ""))
    try:
        await plan_commands.pause(visit.subscription.id, context, body)
    except GatewayUnavailable:
        raise
    except TenureError as error:
        return show_pause(await visit.again(), problem=error.code)
    return visit.back_to(BillingFlow.PAUSE)


def _pauses(visit: Visit) -> list[int]:
    longest = visit.offers.pause_longest_days
    return [days for days in PAUSES if days < longest] + [longest]

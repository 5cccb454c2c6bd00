"""Pages on which there is something to choose before the button: a cancellation and a pause."""

from datetime import timedelta
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
from domain.subscription import guards
from domain.subscription.cancellation import previewed
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


def show_cancel(
    visit: Visit, fields: Fields | None = None, *, errors: dict[str, str] | None = None, problem: str = ""
) -> Response:
    """Return the page that says what a cancellation does; where none is possible, what is so."""
    given, subscription, now = fields or {}, visit.subscription, visit.account.now
    words = visit.reader.language.words
    why = can(lambda: guards.check_cancel(subscription, CancelAt.PERIOD_END))
    return visit.page(
        "cancel.html",
        BillingFlow.CANCEL,
        status=422 if errors else 200,
        why=why,
        problem="" if why else problem,
        at_end=previewed(subscription, CancelAt.PERIOD_END, now),
        at_once=previewed(subscription, CancelAt.NOW, now),
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
    context = visit.context(BillingFlow.CANCEL, fields.get(SEQUENCE, ""))
    try:
        async with visit.with_reason(context, "cancelSubscription", body.words) as noted:
            await lifecycle_commands.cancel(visit.subscription.id, noted, body)
    except GatewayUnavailable:
        raise
    except TenureError as error:
        return show_cancel(await visit.again(), problem=error.code)
    return visit.back_to(BillingFlow.CANCEL)


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

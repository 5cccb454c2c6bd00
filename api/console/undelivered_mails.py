"""Mails to customers that wait or were given up, and sending one again."""

from typing import Final

from fastapi import APIRouter, HTTPException, Response

from api.console.engine_acts import EngineAct, act_once, ask
from api.console.lists import PAGE_SIZE, Cursor, Filter, page_links
from api.console.sessions import ConsoleRoute, WithSent, WithVisit
from api.console.visits import Visit
from api.http.auth import OPERATOR_ROLES
from domain.audit import AuditTarget
from domain.errors import Malformed
from domain.notifications.undelivered import MailState
from storage.db.cursors import PageRequest
from storage.subscriptions.mail_list import UNDELIVERED, MailFilter

PATH: Final = "/console/mails"

router = APIRouter(prefix=PATH, include_in_schema=False, route_class=ConsoleRoute)


@router.get("")
async def list_mails(visit: WithVisit, state: Filter = "", cursor: Cursor = "") -> Response:
    chosen = MailState(state) if state in set(UNDELIVERED) else None
    mails = visit.repositories.mail_list
    try:
        found = await mails.find(visit.tenant, MailFilter(chosen), PageRequest(PAGE_SIZE, cursor or None))
    except Malformed:
        return visit.to(PATH)
    return visit.page(
        "undelivered_mails.html",
        summary=await mails.summary(visit.tenant),
        mails=found.rows,
        states=[("", "any"), ("queued", "waiting"), ("refused", "given up")],
        given={"state": state},
        may_retry=visit.may(*OPERATOR_ROLES),
        links=page_links(visit, PATH, {"state": state}, cursor, found.next_cursor),
    )


@router.get("/{mail_id}/retry")
async def ask_to_retry(mail_id: str, visit: WithVisit) -> Response:
    return await ask(visit, await _retry(visit, mail_id))


@router.post("/{mail_id}/retry")
async def retry(mail_id: str, form: WithSent) -> Response:
    visit = form.visit
    act = await _retry(visit, mail_id)
    return await act_once(visit, form.fields, act, lambda: visit.repositories.mail_retry.retry(visit.tenant, mail_id))


async def _retry(visit: Visit, mail_id: str) -> EngineAct:
    found = await visit.repositories.mail_list.mail(visit.tenant, mail_id)
    if found is None:
        raise HTTPException(404)
    why_not = {
        MailState.SENT: "It was sent: a mail is sent once.",
        MailState.WITHDRAWN: "It was withdrawn: it is not needed any more.",
    }.get(found.state, "")
    return EngineAct(
        "retryMail",
        AuditTarget("mail", found.id),
        f"{PATH}/{found.id}/retry",
        PATH,
        "Send a mail again",
        "Send again",
        ("It goes to the address that the customer has now, as it was written: what it says may be out of date.",),
        (
            ("Mail", found.occasion.replace("_", " ")),
            ("Subscription", found.subscription),
            ("Written", f"{found.created_at:%Y-%m-%d %H:%M} UTC"),
            ("Given up, because", found.why_not),
        ),
        why_not=why_not,
    )

"""The payment provider's events: how far behind delivery is, what was set aside, and delivering one again."""

from typing import Final

from fastapi import APIRouter, HTTPException, Response

from api.console.engine_acts import EngineAct, act_once, ask
from api.console.lists import PAGE_SIZE, Cursor, Filter, page_links
from api.console.sessions import ConsoleRoute, WithSent, WithVisit
from api.console.visits import Visit
from api.http.auth import OPERATOR_ROLES
from domain.audit import AuditTarget
from domain.errors import Malformed
from domain.webhooks.inbox import EventState
from storage.db.cursors import PageRequest
from storage.webhooks.inbox_list import InboxFilter

PATH: Final = "/console/webhooks"

router = APIRouter(prefix=PATH, include_in_schema=False, route_class=ConsoleRoute)


@router.get("")
async def list_events(
    visit: WithVisit,
    state: Filter = "",
    type: Filter = "",  # noqa: A002 - its name in the API
    subscription: Filter = "",
    cursor: Cursor = "",
) -> Response:
    given = {"state": state, "type": type.strip(), "subscription": subscription.strip()}
    chosen = EventState(state) if state in set(EventState) else None
    wanted = InboxFilter(chosen, given["type"] or None, given["subscription"] or None)
    try:
        found = await visit.repositories.inbox.find(visit.tenant, wanted, PageRequest(PAGE_SIZE, cursor or None))
    except Malformed:
        return visit.to(PATH)
    return visit.page(
        "webhooks.html",
        summary=await visit.repositories.inbox.summary(visit.tenant),
        events=found.rows,
        states=[("", "any")] + [(each.value, each.replace("_", " ")) for each in EventState],
        given=given,
        may_replay=visit.may(*OPERATOR_ROLES),
        links=page_links(visit, PATH, given, cursor, found.next_cursor),
    )


@router.get("/{event_id}/replay")
async def ask_to_replay(event_id: str, visit: WithVisit) -> Response:
    return await ask(visit, await _replay(visit, event_id))


@router.post("/{event_id}/replay")
async def replay(event_id: str, form: WithSent) -> Response:
    visit = form.visit
    act = await _replay(visit, event_id)
    return await act_once(
        visit, form.fields, act, lambda: visit.repositories.event_replay.replay(visit.tenant, event_id)
    )


async def _replay(visit: Visit, event_id: str) -> EngineAct:
    found = await visit.repositories.inbox.event(visit.tenant, event_id)
    if found is None:
        raise HTTPException(404)
    row = found[1]
    return EngineAct(
        "replayEvent",
        AuditTarget("event", row.event_id),
        f"{PATH}/{row.event_id}/replay",
        PATH,
        "Deliver a webhook again",
        "Deliver again",
        (
            "Its subscription asks the payment provider once more how things stand. Nothing is booked twice.",
            "If nothing we know can take it, it stays set aside.",
        ),
        (("Event", row.event_id), ("Type", row.type), ("About", row.object_id), ("Until now", row.outcome or "waits")),
    )

"""One event on its way to one endpoint: every attempt, and sending it again."""

from contextlib import suppress
from typing import Final

from fastapi import APIRouter, Response

from api.console.endpoints import PATH as ENDPOINTS
from api.console.engine_acts import EngineAct, act_once, ask
from api.console.sessions import ConsoleRoute, WithSent, WithVisit
from api.console.visits import Visit
from api.http.auth import OPERATOR_ROLES
from domain.audit import AuditTarget
from domain.errors import GatewayUnavailable
from domain.events.endpoints import EndpointState
from storage.events.delivery_list import DeliveryRow

PATH: Final = "/console/deliveries"
KIND: Final = "event_delivery"

router = APIRouter(prefix=PATH, include_in_schema=False, route_class=ConsoleRoute)


@router.get("/{delivery_id}")
async def show(delivery_id: str, visit: WithVisit) -> Response:
    await visit.require("getDelivery", *OPERATOR_ROLES, target=AuditTarget(KIND, delivery_id))
    delivery, attempts = await visit.repositories.deliveries.get(visit.tenant, delivery_id)
    endpoint = await visit.repositories.webhook_endpoints.get(visit.tenant, delivery.endpoint)
    return visit.page(
        "delivery.html",
        delivery=delivery,
        attempts=attempts,
        endpoint=endpoint,
        may_resend=endpoint.state is EndpointState.ENABLED,
        back=visit.at(f"{ENDPOINTS}/{delivery.endpoint}"),
    )


@router.get("/{delivery_id}/resend")
async def ask_to_resend(delivery_id: str, visit: WithVisit) -> Response:
    return await ask(visit, await _resend(visit, delivery_id))


@router.post("/{delivery_id}/resend")
async def resend(delivery_id: str, form: WithSent) -> Response:
    visit = form.visit
    act = await _resend(visit, delivery_id)

    async def do() -> None:
        _, waiting = await visit.repositories.deliveries.resend(visit.tenant, delivery_id)
        with suppress(GatewayUnavailable):  # then the sweep hands it over
            await visit.repositories.hand_over(visit.tenant).hand_over([waiting])

    return await act_once(visit, form.fields, act, do)


async def _resend(visit: Visit, delivery_id: str) -> EngineAct:
    await visit.require("resendDelivery", *OPERATOR_ROLES, target=AuditTarget(KIND, delivery_id))
    delivery, _ = await visit.repositories.deliveries.get(visit.tenant, delivery_id)
    path = f"{PATH}/{delivery.id}"
    return EngineAct(
        "resendDelivery",
        AuditTarget(KIND, delivery.id),
        f"{path}/resend",
        path,
        "Send an event again",
        "Send again",
        (
            "It is sent at once, under the same id, so that the product can tell that it has had it.",
            "If it is not taken, it is tried again by the whole schedule.",
        ),
        _facts(delivery),
    )


def _facts(delivery: DeliveryRow) -> tuple[tuple[str, str], ...]:
    return (("Event", delivery.event_type), ("Id", delivery.event), ("State", delivery.state.value))

"""What operators have to look at: an end at the provider that was not heard, webhooks set aside, a refused mail."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random

from sqlalchemy import text

from domain.provider.events import KeptEvent, PastEvent, ProviderEvent
from domain.provider.hints import EventKind
from domain.provider.ports import Provider
from domain.reconciliation.differences import Discrepancy
from domain.reconciliation.passes import Stage, Walk
from domain.reconciliation.ports import Found, Walked, WalkRequest
from sandbox.crowd.past_life import PastLife, Surroundings
from sandbox.stack import Stack
from services.reconciliation.inspection import Inspection
from services.reconciliation.pages import Pages
from services.reconciliation.running_workflows import RunningWorkflowsInspection
from services.reconciliation.stuck_mails import StuckMailsInspection
from storage.compared_rows import SubscriptionPages
from storage.db.engine import transaction
from storage.reconciliation import Reconciliations

RUN = "reconcile/crowd"
OTHERS = 3
"""How many webhooks are about customers of somebody else in the same Stripe account."""
_REFUSED = text(
    "update mails set status = 'refused', message_id = null, sent_at = null,"
    " why_not = 'mail.example refused the mail: 550 5.1.1 mailbox unavailable'"
    " where id = (select id from mails where subscription = cast(:subscription as uuid) order by at desc limit 1)"
)
LATELY = timedelta(days=4)
"""When they came: longer ago than customers who sign up are waited for."""


async def end_unheard(life: PastLife, provider: Provider) -> None:
    """End a subscription's agreement at the provider; what it says of it is lost."""
    state = await life.state()
    await provider.billing.end(state.agreement_ref, "", key=f"{state.id}/end/{state.agreement_ref}")
    life.around.simulator.take_webhooks(life.external_id)


async def refuse_last_mail(life: PastLife) -> None:
    """Have the mail server refuse the last mail of a subscription."""
    async with transaction(life.around.engine) as connection:
        await connection.execute(_REFUSED, {"subscription": life.subscription})


async def receive_for_others(around: Surroundings, dice: Random) -> None:
    """Receive webhooks about customers who are not ours."""
    for _ in range(OTHERS):
        at = datetime.now(UTC) - LATELY - timedelta(days=dice.uniform(0, 20))
        reference = f"{dice.getrandbits(56):014x}"
        event = ProviderEvent(
            f"evt_other{reference}", "invoice.paid", f"in_{reference}", f"cus_{reference}", EventKind.INVOICE_PAID
        )
        body = {"id": event.id, "object": "event", "type": event.type, "created": int(at.timestamp())}
        past = PastEvent(event, json.dumps(body | {"data": {"object": {"id": event.object_id}}}).encode())
        if await around.receive([past]):
            await around.delivery.deliver([KeptEvent(event, at)])


async def reconcile(stack: Stack) -> Sequence[Discrepancy]:
    """Compare everything once, and keep the differences for operators to see; nothing is healed."""
    comparison = Reconciliations(stack.engine)
    rows, provider = SubscriptionPages(stack.engine), stack.provider
    inspection = Inspection(stack.client, provider.agreements, comparison, rows, second_look_delay=0.2)
    mails = StuckMailsInspection(stack.client, comparison)
    workflows = RunningWorkflowsInspection(stack.client, inspection)
    pages = Pages(inspection, provider.agreements, comparison, rows, mails, workflows)
    began = datetime.now(UTC)
    walked = Walked(Walk((Stage.AGREEMENTS, Stage.SUBSCRIPTIONS)))
    while not walked.walk.is_done:
        walked = walked.with_page(await pages.page(WalkRequest(walked.walk, began)))
    await comparison.keep(f"{RUN}/{began:%Y%m%dT%H%M%S}", [Found(each) for each in walked.found])
    return walked.found

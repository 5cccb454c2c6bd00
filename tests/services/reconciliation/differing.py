"""How each kind of difference comes about."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Final
from uuid import uuid4

from domain.names import mail_workflow_id, subscription_workflow_id
from domain.provider.agreements import AgreementState
from domain.provider.purchases import Purchase, PurchaseStatus
from domain.reconciliation.differences import DifferenceKind
from domain.subscription.contact_changes import UNUSABLE_ADDRESS
from domain.subscription.lifecycle import Status
from domain.subscription.state import Blocked
from storage.purchases import PurchaseRecords
from tests.builders import (
    PERIOD_END,
    STARTER_AGREED,
    a_declined_charge,
    a_paid_charge,
    a_past_due_subscription,
)
from tests.services.reconciliation.installation import LONG_AGO, SOON, Installation
from tests.storage.ledger import a_mail, a_step, later
from tests.storage.test_purchases import a_purchase

Kind = DifferenceKind
Make = Callable[[Installation], Awaitable[None]]


async def workflow_missing(it: Installation) -> None:
    ours = await it.subscription()
    await it.agree(ours)
    del it.runs.running[ours.id]


async def workflow_silent(it: Installation) -> None:
    ours = await it.subscription()
    await it.agree(ours)
    it.runs.silent.add(ours.id)


async def end_unwritten(it: Installation) -> None:
    ours = await it.subscription()
    await it.agree(ours)
    del it.runs.running[ours.id]
    it.runs.ended[subscription_workflow_id(ours.id)] = "too expensive"


async def row_missing(it: Installation) -> None:
    known = await it.subscription(status=Status.CANCELED)
    lost = replace(known, id=str(uuid4()), status=Status.ACTIVE, agreement_ref="")
    it.runs.running[lost.id] = lost
    it.ids.append(lost.id)


async def database_behind(it: Installation) -> None:
    ours = await it.subscription()
    await it.agree(ours)
    it.runs.running[ours.id] = later(ours)


async def workflow_behind(it: Installation) -> None:
    ours = await it.subscription()
    await it.agree(ours)
    it.runs.running[ours.id] = replace(ours, sequence=0)


async def invoices_missing(it: Installation) -> None:
    ours = await it.subscription(settled_invoice="in_lost")
    await it.agree(ours, latest=a_paid_charge("in_lost"))


async def payment_unheard(it: Installation) -> None:
    await it.agree(await it.subscription(), latest=a_paid_charge("in_2"))


async def failure_unheard(it: Installation) -> None:
    await it.agree(await it.subscription(), latest=a_declined_charge())


async def ended_at_provider(it: Installation) -> None:
    await it.agree(await it.subscription(), state=AgreementState.ENDED)


async def agreement_missing(it: Installation) -> None:
    await it.met(await it.subscription())


async def agreement_unheard(it: Installation) -> None:
    ours = await it.subscription(status=Status.TRIALING, agreement_ref="", trial_ends_at=SOON)
    await it.agree(ours, latest=a_paid_charge("in_2"))


async def billing_not_held(it: Installation) -> None:
    owing = a_past_due_subscription()
    ours = await it.subscription(status=owing.status, recovery=owing.recovery, ask_at=None)
    await it.agree(ours, latest=a_declined_charge())


async def billing_held(it: Installation) -> None:
    await it.agree(await it.subscription(), is_held=True)


async def cancellation_not_told(it: Installation) -> None:
    await it.agree(await it.subscription(cancel_at=PERIOD_END))


async def ends_at_provider(it: Installation) -> None:
    await it.agree(await it.subscription(), ends_at=PERIOD_END)


async def stopped_at_provider(it: Installation) -> None:
    await it.agree(await it.subscription(), state=AgreementState.STOPPED)


async def items_differ(it: Installation) -> None:
    await it.agree(await it.subscription(), items=(replace(STARTER_AGREED, quantity=2),))


async def billed_after_end(it: Installation) -> None:
    await it.agree(await it.subscription(status=Status.CANCELED))


async def two_agreements(it: Installation) -> None:
    ours = await it.subscription()
    await it.agree(ours)
    await it.agree(ours, ref="sub_2")


async def unknown_agreement(it: Installation) -> None:
    ours = await it.subscription()
    await it.agree(ours)
    await it.agree(ours, ref="sub_2", subscription=str(uuid4()))


async def mail_stuck(it: Installation) -> None:
    await _queue_mail(it)


async def mail_unsent(it: Installation) -> None:
    it.runs.ended[mail_workflow_id(await _queue_mail(it))] = "sent, or not"


async def blocked(it: Installation) -> None:
    trouble = Blocked(LONG_AGO, "convert", "unknown_price", "there is no such price", SOON)
    await it.agree(await it.subscription(blocked=trouble))


async def address_unusable(it: Installation) -> None:
    await _trouble(it, UNUSABLE_ADDRESS)


async def customer_not_told(it: Installation) -> None:
    await _trouble(it, "email_invalid")


async def purchase_waiting(it: Installation) -> None:
    await PurchaseRecords(it.ledger.engine).add(a_purchase())
    await it.ledger.run("update purchases set completed_at = now() - interval '2 hours'")


async def purchase_unknown(it: Installation) -> None:
    it.provider.purchases = (Purchase("cs_lost", PurchaseStatus.COMPLETE, str(uuid4())),)


async def revenue_differs(it: Installation) -> None:
    await it.agree(await it.subscription())
    await it.ledger.rewrite("delete from mrr_movements")


async def _queue_mail(it: Installation) -> str:
    ours = await it.subscription()
    await it.agree(ours)
    it.runs.running[ours.id] = later(ours)
    [mail] = await it.ledger.save(a_step(later(ours), a_mail()))
    await it.ledger.run("update mails set created_at = now() - interval '2 hours'")
    return mail.id


async def _trouble(it: Installation, code: str) -> None:
    ours = await it.subscription()
    await it.agree(ours)
    await it.ledger.run(
        "insert into customer_changes (id, tenant, customer, fields, email, locale, carries, cause_kind, cause_ref,"  # noqa: S608
        f" cause_actor, told_at, carried_at, trouble) values ('{uuid4()}', 'default', '{ours.customer}', '{{email}}',"
        f" 'ada@example.com', 'en', true, 'command', '1', 'test', now(), now(), '{code}')"
    )


DIFFERING: Final[Mapping[Kind, Make]] = {
    Kind.WORKFLOW_MISSING: workflow_missing,
    Kind.WORKFLOW_SILENT: workflow_silent,
    Kind.END_UNWRITTEN: end_unwritten,
    Kind.ROW_MISSING: row_missing,
    Kind.DATABASE_BEHIND: database_behind,
    Kind.WORKFLOW_BEHIND: workflow_behind,
    Kind.INVOICES_MISSING: invoices_missing,
    Kind.PAYMENT_UNHEARD: payment_unheard,
    Kind.FAILURE_UNHEARD: failure_unheard,
    Kind.ENDED_AT_PROVIDER: ended_at_provider,
    Kind.AGREEMENT_MISSING: agreement_missing,
    Kind.AGREEMENT_UNHEARD: agreement_unheard,
    Kind.BILLING_NOT_HELD: billing_not_held,
    Kind.BILLING_HELD: billing_held,
    Kind.CANCELLATION_NOT_TOLD: cancellation_not_told,
    Kind.ENDS_AT_PROVIDER: ends_at_provider,
    Kind.STOPPED_AT_PROVIDER: stopped_at_provider,
    Kind.ITEMS_DIFFER: items_differ,
    Kind.BILLED_AFTER_END: billed_after_end,
    Kind.TWO_AGREEMENTS: two_agreements,
    Kind.UNKNOWN_AGREEMENT: unknown_agreement,
    Kind.MAIL_STUCK: mail_stuck,
    Kind.MAIL_UNSENT: mail_unsent,
    Kind.BLOCKED: blocked,
    Kind.ADDRESS_UNUSABLE: address_unusable,
    Kind.CUSTOMER_NOT_TOLD: customer_not_told,
    Kind.PURCHASE_WAITING: purchase_waiting,
    Kind.PURCHASE_UNKNOWN: purchase_unknown,
    Kind.REVENUE_DIFFERS: revenue_differs,
}

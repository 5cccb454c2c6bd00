"""Maps events to subscriptions by the provider's ids of their customers and agreements."""

from datetime import timedelta

from sqlalchemy import text

from domain.provider.events import Address, Directory
from domain.subscription.confirmation import Confirmation, ConfirmedAction
from domain.subscription.lifecycle import Status
from storage.webhooks.inbox import RoutingIndex
from tests.builders import NOW
from tests.storage.ledger import Ledger, a_step, later


async def test_subscriptions_are_found_by_customer_and_by_agreement_whatever_their_status(ledger: Ledger) -> None:
    reader = RoutingIndex(ledger.engine)
    first = await ledger.sign_up("ada")
    assert await reader.look_up(["cus_1"], ["sub_1"]) == Directory()
    await ledger.records.remember_wallet(first.customer, "cus_1")
    unpaid = Address(first.id, customer=first.customer, tenant="default")
    assert await reader.look_up(["cus_1"], []) == Directory({"cus_1": [unpaid]})

    await ledger.save(a_step(later(first, status=Status.CANCELED, agreement_ref="sub_1")))
    second = await ledger.sign_up("ada", created_at=NOW + timedelta(days=1))

    found = await reader.look_up(["cus_1", "cus_2"], ["sub_1", "sub_2"])
    ended = Address(first.id, "sub_1", first.customer, "default")
    begun = Address(second.id, customer=second.customer, tenant="default")
    assert found == Directory({"cus_1": [ended, begun]}, {"sub_1": ended})
    assert await reader.look_up([], ["sub_1"]) == Directory({}, {"sub_1": ended})
    assert await reader.look_up([""], [""]) == Directory()


async def test_of_a_subscription_that_is_not_over_it_is_known_which_invoice_was_recorded_last(ledger: Ledger) -> None:
    reader = RoutingIndex(ledger.engine)
    first = await ledger.sign_up("ada")
    paid = later(first, status=Status.ACTIVE, agreement_ref="sub_1", settled_invoice="in_1")
    await ledger.save(a_step(paid))
    assert (await reader.look_up([], ["sub_1"])).by_agreement["sub_1"].settled_invoice == "in_1"

    await ledger.save(a_step(later(paid, status=Status.CANCELED)))

    assert (await reader.look_up([], ["sub_1"])).by_agreement["sub_1"].settled_invoice == ""


async def test_of_a_payment_that_awaits_the_customers_bank_it_is_known_by_which_agreement(ledger: Ledger) -> None:
    first = await ledger.sign_up("ada")
    await ledger.records.remember_wallet(first.customer, "cus_1")
    waiting = Confirmation(ConfirmedAction.SIGN_UP, "https://pay.example", NOW, "in_1", "sub_1")
    await ledger.save(a_step(later(first, confirmation=waiting)))

    [address] = (await RoutingIndex(ledger.engine).look_up(["cus_1"], [])).by_customer["cus_1"]

    assert (address.awaited_agreement, address.agreement_ref) == ("sub_1", "")


async def test_an_invoice_that_was_written_off_is_settled_and_not_known_as_paid(ledger: Ledger) -> None:
    reader = RoutingIndex(ledger.engine)
    begun = await ledger.sign_up("ada")
    waived = later(
        begun, status=Status.ACTIVE, agreement_ref="sub_1", settled_invoice="in_2", waived_invoices=("in_1", "in_2")
    )
    await ledger.save(a_step(waived))
    assert (await reader.look_up([], ["sub_1"])).by_agreement["sub_1"].settled_invoice == ""

    await ledger.save(a_step(later(waived, waived_invoices=("in_1",))))

    assert (await reader.look_up([], ["sub_1"])).by_agreement["sub_1"].settled_invoice == "in_2"


async def test_of_a_subscription_stored_by_an_earlier_release_every_settled_invoice_is_known(ledger: Ledger) -> None:
    begun = await ledger.sign_up("ada")
    paid = later(begun, status=Status.ACTIVE, agreement_ref="sub_1", settled_invoice="in_1")
    await ledger.save(a_step(paid))
    async with ledger.engine.begin() as connection:
        await connection.execute(text("UPDATE subscriptions SET state = state - 'waived_invoices'"))

    found = await RoutingIndex(ledger.engine).look_up([], ["sub_1"])

    assert found.by_agreement["sub_1"].settled_invoice == "in_1"


async def test_a_customer_who_was_deleted_at_the_provider_is_found_by_every_id_they_had(ledger: Ledger) -> None:
    reader, records = RoutingIndex(ledger.engine), ledger.records
    known = await ledger.sign_up("ada")
    await records.remember_wallet(known.customer, "cus_1")

    assert await records.replace_wallet(known.customer, "cus_1", "cus_2") == "cus_2"
    assert await records.replace_wallet(known.customer, "cus_1", "cus_other") == "cus_2"
    assert await records.replace_wallet(known.customer, "cus_2", "cus_3") == "cus_3"

    here = [Address(known.id, customer=known.customer, tenant="default")]
    found = await reader.look_up(["cus_1", "cus_2", "cus_3", "cus_other"], [])
    assert found == Directory({"cus_1": here, "cus_2": here, "cus_3": here})
    assert (await records.contact(known.customer)).customer_ref == "cus_3"

"""Lists, timelines, invoices and operators' commands with a real Tenure that sells catalogs/social.yaml."""

from datetime import timedelta

import pytest

from tenure.client import AsyncTenure, Conflict, NotFound, OfCustomer, Person


def person(name: str) -> Person:
    return Person(name, f"{name}@example.com", "Ada Lovelace", "Europe/London")


async def test_commands_take_the_products_own_id_of_the_customer(tenure: AsyncTenure, name: str) -> None:
    with pytest.raises(NotFound) as nobody:
        await tenure.cancel(OfCustomer(name))
    assert nobody.value.code == "unknown_customer"
    begun = await tenure.subscribe(person(name), "starter", "pm_card_visa")

    preview = await tenure.preview_cancel(OfCustomer(name), at="now")
    canceled = await tenure.cancel(OfCustomer(name), at="now", reason_code="unused", key=f"cancel-{name}")
    again = await tenure.cancel(OfCustomer(name), at="now", reason_code="unused", key=f"cancel-{name}")

    assert preview.undo_until is None
    assert (canceled.id, canceled.status, canceled.end_kind, canceled.reason_code) == (
        begun.id,
        "canceled",
        "operator",
        "unused",
    )
    assert again == canceled, "a repeat under its key gets the first answer, although nothing is live any more"
    with pytest.raises(Conflict):
        await tenure.pause(OfCustomer(name))


async def test_a_subscription_tells_its_story_and_its_invoices(tenure: AsyncTenure, name: str) -> None:
    begun = await tenure.subscribe(person(name), "starter", "pm_card_visa")

    timeline = await tenure.timeline(OfCustomer(name))
    invoices = await tenure.invoices(name)

    assert [action.action for action in timeline.next_actions] == [action.action for action in begun.next_actions]
    assert "command" in {entry.cause.kind for entry in timeline.past}
    assert [(one.subscription, one.status, one.amount, one.currency) for one in invoices] == [
        (begun.id, "paid", 2900, "usd")
    ]
    with pytest.raises(Conflict):
        await tenure.retry_payment(begun.id)


async def test_operators_extend_suspend_and_reactivate(tenure: AsyncTenure, name: str) -> None:
    begun = await tenure.start_trial(person(name), "starter")

    extended = await tenure.extend_trial(begun.id, 7, "holidays")
    assert (await tenure.renew_links(begun.id)).status == "trialing"
    paid = await tenure.convert(begun.id, payment_method="pm_card_visa", when="now")
    suspended = await tenure.suspend(paid.id, "under investigation")
    back = await tenure.reactivate(paid.id, "all is well")

    assert extended.trial_ends_at is not None
    assert begun.trial_ends_at is not None
    assert (extended.trial_ends_at - begun.trial_ends_at).days == 7
    assert (suspended.status, suspended.access, back.status) == ("suspended", "none", "active")
    assert isinstance((await tenure.usage_statistics()).statistics, tuple)


async def test_a_customer_is_exported_and_erased(tenure: AsyncTenure, name: str) -> None:
    begun = await tenure.start_trial(person(name), "starter")

    export = await tenure.export_customer(name)
    with pytest.raises(Conflict) as live:
        await tenure.erase_customer(name)
    erased = await tenure.erase_customer(name, reason="asked for", cancel=True)

    assert export.tables["subscriptions"][0]["id"] == begun.id
    assert export.customer == begun.customer.id
    assert live.value.code == "live_subscription"
    assert (erased.finished, erased.covers_restores) == (True, True)
    assert (await tenure.erase_customer(name)).finished
    assert (await tenure.subscription(begun.id)).customer.external_id == f"erased-{begun.customer.id}"
    with pytest.raises(NotFound):
        await tenure.customer(name)


async def test_figures_of_revenue_are_there(tenure: AsyncTenure) -> None:
    movements = await tenure.movements(first="2026-01", last="2026-03")
    mrr = await tenure.mrr(interval="year", group="plan")

    assert [each.period for each in movements.data] == ["2026-01", "2026-02", "2026-03"]
    assert (mrr.currency, mrr.now.arr >= 0) == ("usd", True)


async def test_lists_are_found_page_by_page(tenure: AsyncTenure, name: str) -> None:
    made = [(await tenure.start_trial(person(f"{name}-{number}"), "starter")).id for number in range(3)]

    first = await tenure.list_subscriptions(q=name, limit=2)
    rest = await tenure.list_subscriptions(q=name, limit=2, cursor=first.next_cursor)
    all_of_them = [one.id async for one in tenure.subscriptions(q=name, status="trialing")]
    customers = [one async for one in tenure.customers(q=name)]

    assert first.next_cursor is not None
    assert rest.next_cursor is None
    assert [one.id for page in (first, rest) for one in page.data] == all_of_them == made[::-1]
    assert [one.external_id for one in customers] == [f"{name}-2", f"{name}-1", f"{name}-0"]
    assert [one.subscription.id for one in customers if one.subscription is not None] == all_of_them


async def test_what_is_known_of_a_customer_is_changed(tenure: AsyncTenure, name: str) -> None:
    await tenure.start_trial(person(name), "starter")

    changed = await tenure.update_customer(name, name="Ada King", timezone="Asia/Tokyo", metadata={"team": "7"})

    assert (changed.name, changed.timezone, changed.metadata) == ("Ada King", "Asia/Tokyo", {"team": "7"})
    assert changed.email == f"{name}@example.com"


async def test_admins_create_rotate_and_revoke_keys(tenure: AsyncTenure, name: str) -> None:
    made = await tenure.create_api_key("read_only", name, expires_in=timedelta(days=90), key=name)
    again = await tenure.create_api_key("read_only", name, expires_in=timedelta(days=90), key=name)
    new = await tenure.rotate_api_key(made.id, overlap=timedelta(hours=1))
    ended = await tenure.revoke_api_key(new.id)

    assert made.key is not None
    assert made.key not in repr(made)
    assert (again.id, again.key) == (made.id, None)
    assert (new.name, new.role, new.status) == (name, "read_only", "active")
    assert ended.status == "revoked"
    found = {one.id: one.status async for one in tenure.api_keys() if one.name == name}
    assert found == {made.id: "rotated", new.id: "revoked"}

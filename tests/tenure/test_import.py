"""`tenure import` as an operator types it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from domain.errors import Malformed, Rejected
from sandbox.product import Product
from sandbox.secrets import Secrets
from sandbox.stack import Stack
from storage.payload_keys import check_payload_keys, forget_payload_key
from tenure.cli.importing import import_
from tenure.cli.take_over import Result, subscription_id_of
from tests.harness.callers import written, written_at_rest
from tests.harness.catalogs import CATALOG, POLICY
from tests.harness.elsewhere import Elsewhere
from tests.harness.lives import Life
from tests.harness.names import a_name
from tests.tenure.conftest import Said, Terminal

STARTER = "manufacturing_starter_month_v1"
USERS = "manufacturing_users_month_v1"


@pytest.fixture
async def elsewhere(terminal: Terminal, stack: Stack, stack_folder: Path) -> AsyncIterator[Elsewhere]:
    """A product on Stripe, and a terminal whose settings lead there and to the stack that runs."""
    async with Elsewhere.at(stack.addresses, stack_folder) as elsewhere:
        terminal.settings = {
            "TENURE_DATABASE_URL": stack.addresses.database_url,
            "TENURE_TEMPORAL_ADDRESS": stack.addresses.temporal_address,
            "TENURE_TRIAL_KEY": Secrets.of(stack_folder).trial_key,
            "TENURE_STRIPE_API_KEY": elsewhere.key,
            "TENURE_STRIPE_API_BASE": stack.addresses.stripe_url,
            "TENURE_CATALOG": str(CATALOG),
            "TENURE_POLICY": str(POLICY),
        }
        yield elsewhere


async def imports(terminal: Terminal, *agreements: str, **options: str) -> Said:
    only = [word for agreement in agreements for word in ("--only", agreement)]
    more = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", value) if word]
    return await terminal.run("import", *only, *more)


def lines(said: Said) -> dict[str, str]:
    """What was told of each agreement."""
    told = (line.split("  ", 1) for line in said.out.splitlines() if line.startswith("sub_"))
    return {agreement: words.strip() for agreement, words in told}


async def test_an_import_without_a_key_that_encrypts_workflows_is_refused(
    terminal: Terminal, elsewhere: Elsewhere, stack: Stack
) -> None:
    agreement = await elsewhere.subscriber(a_name("unencrypted"), await elsewhere.price_of_ours(STARTER))
    await check_payload_keys(stack.engine, {"kept": "f" * 64})
    try:
        refused = await imports(terminal, agreement)
    finally:
        await forget_payload_key(stack.engine, "kept")

    assert refused.status == 1
    assert "TENURE_PAYLOAD_KEYS lacks the key 'kept'" in refused.err
    assert lines(refused) == {}


async def test_a_policy_that_differs_from_the_published_one_of_its_version_is_handed_to_nobody(
    terminal: Terminal, elsewhere: Elsewhere
) -> None:
    agreement = await elsewhere.subscriber(a_name("another-policy"), await elsewhere.price_of_ours(STARTER))
    changed = terminal.folder / "policy.yaml"
    changed.write_text(POLICY.read_text().replace("days: 14", "days: 30"))
    terminal.settings["TENURE_POLICY"] = str(changed)

    for dry_run in ({"dry_run": ""}, {}):
        refused = await imports(terminal, agreement, **dry_run)
        assert (refused.status, lines(refused)) == (1, {})
        assert "policy default was published with other content" in refused.err


async def test_a_dry_run_reports_everything_and_writes_nothing_then_all_is_adopted_once(
    terminal: Terminal, elsewhere: Elsewhere, stack: Stack, product: Product
) -> None:
    starter, users, old = (
        await elsewhere.price_of_ours(STARTER),
        await elsewhere.price_of_ours(USERS),
        await elsewhere.price(39000, "year"),
    )
    name = a_name("import")
    first = await elsewhere.subscriber(name, starter, users)
    yearly = await elsewhere.subscriber(a_name("yearly"), old)
    unmapped = await elsewhere.subscriber(a_name("unmapped"), await elsewhere.price(100))
    price_map = terminal.folder / "map.yaml"
    price_map.write_text(f"prices:\n  {old}: {{plan: professional}}\n")
    before, calls = await written_at_rest(stack), len(stack.simulator.call_log())

    would = await imports(terminal, first, yearly, unmapped, map=str(price_map), dry_run="")

    assert would.status == 0, would.err
    assert await written(stack.engine) == before
    assert {method for method, *_ in stack.simulator.call_log()[calls:]} == {"GET"}
    told = lines(would)
    assert told[first].startswith("would adopt  starter/month x1 + 1 users, $54.00, active until ")
    assert told[yearly].startswith("would adopt  professional/year x1, $390.00, active until ")
    assert told[unmapped].startswith("skipped      the price price_")
    assert "map it to a plan or add-on in a map file" in told[unmapped]
    assert would.out.endswith("2 would adopt, 0 already ours, 1 skipped, 0 FAILED\n")

    real = await imports(terminal, first, yearly, unmapped, map=str(price_map))
    again = await imports(terminal, first, yearly, unmapped, map=str(price_map))

    assert (real.status, again.status) == (0, 0), real.err + again.err
    assert real.out.endswith("2 adopted, 0 already ours, 1 skipped, 0 FAILED\n")
    assert again.out.endswith("0 adopted, 2 already ours, 1 skipped, 0 FAILED\n")
    assert lines(again)[first] == f"already ours {subscription_id_of(first)}"
    assert (await elsewhere.found(first))["metadata"]["tenure_subscription"] == subscription_id_of(first)
    life = Life(product, name, {"id": subscription_id_of(first)})
    assert (await life.stands())["add_ons"] == {"users": 1}
    assert (await life.kinds())["adopted"] == 1


async def test_what_was_killed_half_way_is_completed_by_the_next_run(
    terminal: Terminal, elsewhere: Elsewhere, product: Product
) -> None:
    starter = await elsewhere.price_of_ours(STARTER)
    names = [a_name("killed") for _ in range(6)]
    agreements = [await elsewhere.subscriber(name, starter) for name in names]
    only = [word for agreement in agreements for word in ("--only", agreement)]

    process = await terminal.start("import", *only, "--rate", "10")
    await process.stdout.readline()
    process.kill()
    await process.communicate()
    rest = await imports(terminal, *agreements)

    assert rest.status == 0, rest.err
    assert all(words.startswith(("adopted ", "already ours ")) for words in lines(rest).values())
    for name, agreement in zip(names, agreements, strict=True):
        found = await elsewhere.found(agreement)
        assert found["metadata"]["tenure_subscription"] == subscription_id_of(agreement)
        assert (await Life(product, name, {"id": subscription_id_of(agreement)}).kinds())["adopted"] == 1


async def test_what_cannot_be_carried_on_is_skipped_with_every_reason(elsewhere: Elsewhere, product: Product) -> None:
    starter = await elsewhere.price_of_ours(STARTER)
    here = a_name("here")
    await Life.begun(product, here)
    twice = await elsewhere.customer(a_name("twice"))
    made = {
        "its customer has no mail address": await elsewhere.subscribes(
            await elsewhere.customer(a_name("unreachable"), email=""), starter
        ),
        "has a subscription here already": await elsewhere.subscriber(here, starter),
        "it costs nothing": await elsewhere.subscriber(a_name("gift"), await elsewhere.price(0)),
        "billed every 3 months": await elsewhere.subscriber(
            a_name("quarterly"), await elsewhere.price(9000, recurring={"interval": "month", "interval_count": 3})
        ),
        "in eur, the catalog in usd": await elsewhere.subscriber(
            a_name("euro"), await elsewhere.price(3900, currency="eur")
        ),
        "it has 0 plans": await elsewhere.subscriber(a_name("planless"), await elsewhere.price_of_ours(USERS)),
        "has another": await elsewhere.subscribes(twice, starter),
    }
    newest = await elsewhere.subscribes(twice, starter)

    told = {one.agreement_ref: one for one in await elsewhere.verdicts(newest, *made.values(), dry_run=True)}

    assert told[newest].result is Result.WOULD
    for reason, agreement in made.items():
        assert told[agreement].result is Result.SKIPPED, reason
        assert reason in told[agreement].words


async def test_a_customer_comes_with_all_that_is_known_of_them(elsewhere: Elsewhere, product: Product) -> None:
    name = a_name("named")
    more: dict[str, Any] = {
        "preferred_locales": ["de-AT"],
        "metadata": {"external_id": name, "timezone": "Europe/Berlin"},
    }
    customer = await elsewhere.customer(name, **more)
    agreement = await elsewhere.subscribes(customer, await elsewhere.price_of_ours(STARTER))

    await elsewhere.adopted(product, name, agreement)

    ada = (await product.subscription(subscription_id_of(agreement)))["customer"]
    assert (ada["external_id"], ada["timezone"], ada["locale"]) == (name, "Europe/Berlin", "de-AT")
    assert await elsewhere.default_card(customer) is not None, "where a look finds the card that is charged"


async def test_a_customer_without_an_external_id_gets_the_providers_id(elsewhere: Elsewhere, product: Product) -> None:
    customer = await elsewhere.customer(a_name("nameless"), metadata={})
    agreement = await elsewhere.subscribes(customer, await elsewhere.price_of_ours(STARTER))

    await elsewhere.verdicts(agreement)

    found = await product.subscription(subscription_id_of(agreement))
    assert found["customer"]["external_id"] == customer


async def test_two_customers_with_one_name_are_not_merged(elsewhere: Elsewhere, product: Product) -> None:
    starter, name = await elsewhere.price_of_ours(STARTER), a_name("namesake")
    first = await elsewhere.subscriber(name, starter)
    life = await elsewhere.adopted(product, name, first)
    await life.command("cancel", at="now")
    second = await elsewhere.subscriber(name, starter)

    (verdict,) = await elsewhere.verdicts(second)

    assert verdict.result is Result.SKIPPED
    assert "one of the two belongs to someone else" in verdict.words


async def test_every_page_is_walked_and_what_tenure_made_is_its_own(elsewhere: Elsewhere, product: Product) -> None:
    made = await product.sign_up(a_name("ours"), trial_days=0, payment_method="pm_card_visa")
    other = await elsewhere.subscriber(a_name("theirs"), await elsewhere.price_of_ours(STARTER))

    told = {one.agreement_ref: one for one in await elsewhere.verdicts(dry_run=True, page=2)}

    assert (Result.OURS, made["id"]) in {(one.result, one.words) for one in told.values()}
    assert told[other].result is Result.WOULD


async def test_a_name_that_the_provider_does_not_know_is_refused(elsewhere: Elsewhere) -> None:
    with pytest.raises(Rejected, match="no subscription sub_nobody"):
        await elsewhere.verdicts("sub_nobody")


@pytest.mark.parametrize(
    ("options", "field"),
    [({"rate": 1000.0}, "rate"), ({"rate": 0.0}, "rate"), ({"external_id": "email"}, "external_id")],
)
def test_an_option_that_cannot_be_is_refused_before_anything_is_done(options: dict[str, Any], field: str) -> None:
    with pytest.raises(Malformed) as refused:
        import_(**options)

    assert refused.value.field == field


async def test_a_customer_whose_id_would_read_another_is_skipped_with_the_reason(
    terminal: Terminal, elsewhere: Elsewhere
) -> None:
    name = a_name("org")
    agreement = await elsewhere.subscriber(f"{name}/banner", await elsewhere.price_of_ours(STARTER))

    said = lines(await imports(terminal, agreement))[agreement]

    assert said.startswith(Result.SKIPPED)
    assert f"the external id of its customer, '{name}/banner': an id must not end in '/banner'" in said

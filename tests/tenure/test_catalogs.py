"""`tenure catalog`: what a change of the catalog would touch, told before it is made, and made."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import text

from configuration.catalog_file import load_catalog
from configuration.catalog_schema import catalog_schema
from configuration.loading import Process, load_settings
from configuration.settings import EverySetting
from domain.catalog.plans import Catalog, Plan
from domain.errors import Rejected
from sandbox.stack import Stack
from storage.catalog.catalogs import Catalogs
from tenure.cli import doctor
from tenure.cli.catalog_warnings import follow
from tests.configuration.variables import GOOD, NO_FILE
from tests.harness.callers import Caller
from tests.harness.catalogs import POLICY, shipped_policy
from tests.tenure.conftest import Terminal

FILE = """\
product: PRODUCT
version: 1
currency: usd
features:
  runs: {name: Runs, kind: number, per: month}
  export: {name: Export, kind: switch}
plans:
  free: {name: Free, prices: free, entitlements: {runs: 10, export: false}}
  pro: {name: Pro, prices: {month: 49}, entitlements: {runs: 100, export: true}}
"""
SECOND = ("version: 1", "version: 2")
DEARER = ("month: 49", "month: 59")
MORE = ("runs: 100", "runs: 200")


class Shop:
    """A product of the test's own on the stack that runs, and its catalog file."""

    def __init__(self, terminal: Terminal) -> None:
        self.product = f"shop_{uuid4().hex[:8]}"
        self.file = terminal.folder / "catalog.yaml"
        self._terminal = terminal
        self.says()

    def says(self, *changes: tuple[str, str]) -> None:
        """Write the catalog, with changes."""
        text = FILE.replace("PRODUCT", self.product)
        for right, wrong in changes:
            assert right in text
            text = text.replace(right, wrong, 1)
        self.file.write_text(text)

    async def types(self, command: str, *options: str) -> list[str]:
        """Have a command done about the file, and return what it says."""
        said = await self._terminal.run("catalog", command, str(self.file), *options)
        assert said.status == 0, said.out + said.err
        return [line.strip() for line in said.out.splitlines()]

    async def is_refused(self, command: str, *options: str) -> str:
        said = await self._terminal.run("catalog", command, str(self.file), *options)
        assert said.status == 1, said.out
        assert "Traceback" not in said.err
        return said.err


@pytest.fixture
def shop(terminal: Terminal, stack: Stack, stack_folder: Path) -> Shop:
    terminal.settings = {
        "TENURE_DATABASE_URL": stack.addresses.database_url,
        "TENURE_STRIPE_API_KEY": json.loads((stack_folder / "secrets.json").read_text())["stripe_key"],
        "TENURE_STRIPE_API_BASE": stack.addresses.stripe_url,
    }
    return Shop(terminal)


@asynccontextmanager
async def customer_of(stack: Stack, shop: Shop, **more: object) -> AsyncIterator[Callable[[], Awaitable[int]]]:
    """Somebody signs up for the product's pro plan; how many runs they have is asked over HTTP."""
    async with (
        stack.under(shipped_policy(), load_catalog(shop.file)) as addresses,
        Caller.at(addresses.api_url, stack.addresses.admin_key) as caller,
    ):
        await caller.signed_up(shop.product, plan="pro", **more)

        async def runs() -> int:
            limit: int = (await caller.get(f"/v1/customers/{shop.product}/entitlements/runs")).json()["limit"]
            return limit

        yield runs


async def test_a_catalog_is_pushed_and_published_and_again_nothing_happens(shop: Shop, stack: Stack) -> None:
    catalogs, name = Catalogs(stack.engine), f"{shop.product}_v1"

    would = await shop.types("push", "--dry-run")
    assert await catalogs.get(name) is None
    done = await shop.types("push")
    again = await shop.types("push")

    assert would[0] == done[0] == f"no catalog of {shop.product} is published yet: {name} is the first"
    assert f"would create: price {shop.product}_pro_month_v1: $49.00" in would
    assert f"created: price {shop.product}_pro_month_v1: $49.00" in done
    assert (would[-1], done[-1]) == (f"would be published: {name}", f"published: {name}")
    assert again == [f"{name} is already published with this content", "Stripe has everything already."]
    assert await catalogs.get(name) == load_catalog(shop.file)


async def test_a_version_is_changed_in_place_only_on_request_and_reports_who_is_affected(
    shop: Shop, stack: Stack
) -> None:
    await shop.types("push")
    async with customer_of(stack, shop) as runs:
        shop.says(MORE)
        told = await shop.types("diff")
        refused = await shop.is_refused("push")
        would = await shop.types("push", "--in-place", "--dry-run")
        assert await runs() == 100

        done = await shop.types("push", "--in-place")
        assert await runs() == 200

    outlook = [
        f"{shop.product}_v1 differs from the catalog published under this name",
        "plan pro",
        "Runs: 200, was 100",
        "whom it affects",
        "pro: 1 live subscription, at once",
    ]
    assert told == outlook
    assert "raise the version, so that running subscriptions keep what they have, or use --in-place" in refused
    assert would == [*outlook, "Stripe has everything already.", f"would be changed in place: {shop.product}_v1"]
    assert done == [*outlook, "Stripe has everything already.", f"changed in place: {shop.product}_v1"]


async def test_an_add_on_changed_in_place_reports_who_has_it(shop: Shop, stack: Stack) -> None:
    with_add_on = ("plans:\n", "add_ons:\n  more: {name: More, prices: {month: 5}, adds: {runs: 10}}\nplans:\n")
    shop.says(with_add_on)
    await shop.types("push")
    async with customer_of(stack, shop, add_ons={"more": 2}) as runs:
        shop.says(with_add_on, ("adds: {runs: 10}", "adds: {runs: 30}"))
        told = await shop.types("diff")
        assert await runs() == 100 + 2 * 10
        await shop.types("push", "--in-place")
        assert await runs() == 100 + 2 * 30

    assert told[1:] == [
        "add-on more",
        "adds to Runs: 30, was 10",
        "whom it affects",
        "add-on more: 1 live subscription, at once",
    ]


async def test_who_has_subscribed_keeps_what_they_have_when_a_new_version_is_pushed(shop: Shop, stack: Stack) -> None:
    await shop.types("push")
    async with customer_of(stack, shop) as runs:
        shop.says(SECOND, DEARER, MORE)
        told = await shop.types("diff")
        done = await shop.types("push")
        assert await runs() == 100

    assert told[:6] == [
        f"{shop.product}_v2 compared with {shop.product}_v1, which is published",
        "plan pro",
        "costs: $59.00 a month, was $49.00 a month",
        "Runs: 200, was 100",
        "whom it affects",
        f"sign-ups and plan changes, once `tenure api` starts with {shop.product}_v2",
    ]
    assert told[6] == f"not affected: 1 live subscription of {shop.product}_v1 (pro: 1)"
    assert told[-1].startswith("customers without a subscription, who have free (")
    assert done[: len(told)] == told
    assert f"created: price {shop.product}_pro_month_v2: $59.00" in done
    assert [one.version for one in await Catalogs(stack.engine).versions(shop.product)] == [1, 2]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (DEARER, "a price never changes: pro a month: $59.00, was $49.00"),
        (
            ("export: true}", "export: true}, overage: {runs: {price: 1}}"),
            "overage of runs on plan pro would go unbilled: running subscriptions have no metered price for it",
        ),
        (("  pro: {", "  team: {"), "plan pro is removed, and its subscribers would be entitled to nothing"),
    ],
)
async def test_what_must_stay_is_not_changed_in_place(
    shop: Shop, stack: Stack, change: tuple[str, str], why: str
) -> None:
    await shop.types("push")
    published = load_catalog(shop.file)
    shop.says(change)

    refused = await shop.is_refused("push", "--in-place")

    assert "cannot be changed in place: raise its version" in refused
    assert why in refused
    assert await Catalogs(stack.engine).get(published.name) == published
    # Stripe was left alone, too: the first version is all there still.
    shop.says()
    assert (await shop.types("push"))[-1] == "Stripe has everything already."


async def test_without_a_database_a_catalog_is_brought_to_stripe_alone(
    shop: Shop, terminal: Terminal, stack: Stack
) -> None:
    del terminal.settings["TENURE_DATABASE_URL"]

    done = await shop.types("push")
    refused = await shop.is_refused("push", "--in-place")

    assert f"created: price {shop.product}_pro_month_v1: $49.00" in done
    assert done[-1].startswith("TENURE_DATABASE_URL is not set: `tenure api` publishes ")
    assert "set TENURE_DATABASE_URL" in refused
    assert await Catalogs(stack.engine).versions(shop.product) == []


async def test_two_files_are_compared_without_any_settings(shop: Shop, terminal: Terminal) -> None:
    terminal.settings = {}
    other = terminal.folder / "other.yaml"
    other.write_text(shop.file.read_text())
    shop.says(SECOND, MORE)

    same = await terminal.run("catalog", "diff", str(other), str(other))
    told = await terminal.run("catalog", "diff", str(other), str(shop.file))

    name = shop.product
    assert same.out == f"{name}_v1 compared with {name}_v1\n  no differences\n"
    assert told.out == f"{name}_v2 compared with {name}_v1\n  plan pro\n    Runs: 200, was 100\n"


async def test_the_schema_is_printed_as_it_is_published(terminal: Terminal) -> None:
    said = await terminal.run("catalog", "schema")

    assert said.out == catalog_schema()


async def test_followers_of_an_unpublished_catalog_are_reported_and_it_can_be_published_for_them(
    shop: Shop, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = f"{shop.product}_v1", f"{shop.product}_v2"
    await shop.types("push")
    async with customer_of(stack, shop), stack.engine.begin() as connection:
        # As of a release that published none.
        await connection.execute(text("delete from catalog_versions where name = :name"), {"name": first})
    shop.says(SECOND, ("  pro: {", "  team: {"))
    settings = settings_of_doctor(shop, stack, monkeypatch)
    pushed = await shop.types("push")
    with pytest.raises(Rejected) as ill:
        await doctor._catalog(settings)
    async with (
        stack.under(shipped_policy(), load_catalog(shop.file)) as addresses,
        Caller.at(addresses.api_url, stack.addresses.admin_key) as caller,
    ):
        path = f"/v1/customers/{shop.product}/entitlements/runs"
        assert (await caller.get(path)).json()["limit"] == 0

        shop.says()
        done = await shop.types("push")

        assert (await caller.get(path)).json()["limit"] == 100
    well = await doctor._catalog(settings.model_copy(update={"catalog": shop.file}))

    told = [
        f"1 live subscription of {first}, which is not published: they have what {second} gives (pro: 1)",
        f"{second} lacks pro: 1 live subscription has nothing",
        f"push the file of {first} as it was to restore what they chose",
    ]
    assert [line for line in pushed if line in told] == told
    assert ill.value.message == "; ".join(told)
    assert done == [
        f"{first} is older than the published {second}: it serves subscriptions that chose it",
        "whom it affects",
        "1 live subscription that chose it, so far served by the current catalog (pro: 1)",
        "Stripe stays as it is.",
        f"published: {first}",
    ]
    assert well == f"{shop.product}, version 1: free, pro"


def test_who_is_of_no_catalog_needs_a_plan_of_todays() -> None:
    today = Catalog("shop", 2, "usd", {"pro": Plan("pro", "Pro", {})})

    assert list(follow({"": {"pro": 2}}, today)) == [
        "2 live subscriptions of an unknown catalog: they have what shop_v2 gives (pro: 2)"
    ]
    assert list(follow({"": {"pro": 1, "team": 3}}, today))[1:] == [
        "  shop_v2 lacks team: 3 live subscriptions have nothing",
        "  keep team in the file, or change them to another plan",
    ]


def settings_of_doctor(shop: Shop, stack: Stack, monkeypatch: pytest.MonkeyPatch) -> EverySetting:
    monkeypatch.chdir(shop.file.parent)
    places = {"TENURE_DATABASE_URL": stack.addresses.database_url, "TENURE_POLICY": str(POLICY)}
    for name, value in (GOOD | places).items():
        monkeypatch.setenv(name, value)
    return load_settings(Process.DOCTOR, NO_FILE)


async def test_the_doctor_says_when_the_file_is_not_what_is_published(
    shop: Shop, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of_doctor(shop, stack, monkeypatch)

    before = await doctor._catalog(settings)
    await Catalogs(stack.engine).publish(load_catalog(shop.file))
    well = await doctor._catalog(settings)
    shop.says(MORE)
    with pytest.raises(Rejected) as told:
        await doctor._catalog(settings)

    assert (
        before == f"{shop.product}, version 1: free, pro; not published yet: `tenure api` publishes it when it starts"
    )
    assert well == f"{shop.product}, version 1: free, pro"
    assert f"differs from the published {shop.product}_v1" in told.value.message
    assert "`tenure catalog diff catalog.yaml`" in told.value.message

"""The pricing page says what the catalog sells, in words that customers know, and costs nobody any time."""

import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from functools import cache
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from api.pricing.content import a_twelfth, yearly_saving
from configuration.catalog_file import load_catalog
from configuration.pages_file import load_presentation
from domain.catalog.plans import Catalog, Interval, TaxBehavior
from domain.catalog.presentation import Presentation, ShownPlan
from domain.money import Money, formatted
from localization.formats import Formats
from tests.harness.catalogs import CATALOGS
from tests.harness.shop import CATALOG, usd
from tests.web.markup import Markup, faults
from tests.web.site import a_browser, an_app

PRODUCTS = ("social", "attribution", "jobs", "manufacturing")
SIGN_UP = "https://northwind.example/sign-up"
MOST_BYTES, MOST_REQUESTS = 40_000, 5


@cache
def a_shop(product: str, **more: Any) -> FastAPI:
    file = CATALOGS / f"{product}.yaml"
    return an_app(catalog=load_catalog(file), presentation=load_presentation(file), sign_up_url=SIGN_UP, **more)


async def pricing(app: FastAPI, query: str = "", **headers: str) -> httpx.Response:
    async with a_browser(app) as browser:
        return await browser.get(f"/pricing{query}", headers=headers)


async def offer(app: FastAPI, query: str = "") -> Any:
    async with a_browser(app) as browser:
        return (await browser.get(f"/pricing.json{query}")).json()


def words(answer: httpx.Response) -> str:
    assert answer.status_code == 200
    return " ".join(Markup(answer.text).said("body")[0].split())


def on_its_own(catalog: Catalog = CATALOG, **more: Any) -> FastAPI:
    """A shop of which no more is known than its catalog."""
    return an_app(catalog=catalog, presentation=None, sign_up_url=SIGN_UP, **more)


@pytest.mark.parametrize("path", ["/pricing", "/pricing.json"])
async def test_all_tenants_sell_the_same(path: str) -> None:
    async with a_browser(a_shop("social")) as browser:
        every, one = await browser.get(path), await browser.get(f"{path}?tenant=another")
    assert one.status_code == 200
    assert one.content == every.content
    assert one.headers["ETag"] == every.headers["ETag"]


# --- what it says -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize("language", ["en", "de"])
async def test_each_product_has_its_page_with_its_questions(product: str, language: str) -> None:
    answer = await pricing(a_shop(product), f"?lang={language}")
    page = Markup(answer.text)
    told = load_presentation(CATALOGS / f"{product}.yaml").in_language(language)

    assert faults(answer.text) == []
    assert page.all("html")[0]["lang"] == language
    assert page.said("summary") == [one.question for one in told.questions]
    assert [text for text in page.said("h2") if text not in (*_plan_names(product, language), *page.said("h1"))]
    assert page.said("h2")[: len(_plan_names(product, language))] == _plan_names(product, language)


def _plan_names(product: str, language: str) -> list[str]:
    shown = load_presentation(CATALOGS / f"{product}.yaml")
    return [shown.in_language(language).plan(plan.code).name for plan in shown.plans]


@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize("language", ["en", "de"])
async def test_its_prices_are_those_of_the_catalog(product: str, language: str) -> None:
    text = words(await pricing(a_shop(product), f"?lang={language}"))
    catalog, formats = load_catalog(CATALOGS / f"{product}.yaml"), Formats.of(language, "UTC", language)

    sold = [price for plan in catalog.plans.values() for price in plan.prices.values()]
    sold += [price for add_on in catalog.add_ons.values() for price in add_on.prices.values()]
    sold += [overage.price for plan in catalog.plans.values() for overage in plan.overage.values()]
    assert sold
    for price in sold:
        assert formats.money(price.amount, price.currency) in text


async def test_every_value_of_every_plan_is_in_the_comparison() -> None:
    page = Markup((await pricing(on_its_own())).text)
    rows = dict(zip(page.said("th")[3:], _by_plan(page), strict=True))

    assert page.said("th")[:3] == ["Free", "Pro", "Scale"]
    assert len(rows) == len(CATALOG.features)
    assert rows["Export"] == ["–Not included", "Included", "Included"]
    assert rows["Days of attribution"] == ["7", "60", "Unlimited"]
    assert rows["Quality"] == ["draft", "standard", "premium"]
    assert rows["Image models"] == ["basic", "basic, dalle3", "basic, dalle3, gpt"]
    assert rows["Rate"] == ["×1", "×5", "×10"]
    assert rows["Runs starts again on the first of each month"] == ["10", "100", "Unlimited"]
    assert rows["Jobs starts again with each billing period"] == ["0", "5", "8"]
    assert rows["Calls starts again every day"] == ["3", "50", "60"]
    assert rows["Posts a week starts again every Monday"] == ["3", "50", "500"]
    assert rows["Seats"] == ["1 for each seat", "3 for each seat", "10 for each seat"]


def _by_plan(page: Markup) -> list[list[str]]:
    cells = page.said("td")[1:]
    return [cells[start : start + 3] for start in range(0, len(cells), 3)]


async def test_features_come_in_their_groups() -> None:
    page = Markup((await pricing(a_shop("manufacturing"), "?lang=de")).text)
    assert page.said("th")[3:] == [
        "Umfang",
        "Nutzer",
        "Werke",
        "Speicher in GB",
        "Anpassung",
        "Eigene Felder Ihre eigenen Felder an Aufträgen, Teilen und Maschinen",
        "Abläufe Freigaben und Schritte, die laufen, wie Sie es festlegen",
        "White-Label Die Plattform unter Ihrem Namen und mit Ihrem Logo",
    ]


async def test_a_feature_in_no_group_comes_after_the_others() -> None:
    shown = replace(Presentation.of(CATALOG), groups=("Use",), group_of={"runs": "Use"})
    page = Markup((await pricing(an_app(presentation=shown))).text)

    names = page.said("th")[3:]
    assert names[0] == "Use"
    assert names[1].startswith("Runs")
    assert names[2:4] == ["And more", "Export"]


async def test_what_costs_more_is_said_in_words() -> None:
    gadgets = words(await pricing(on_its_own()))
    analytics = words(await pricing(a_shop("attribution")))

    assert "Additional seats: $5.00 a month or $50.00 a year; adds 2 to Seats" in gadgets
    assert "Jobs on Scale: what goes beyond the limit costs $2.00 for every 10, begun ones in full" in gadgets
    assert "Calls on Scale: each one beyond the limit costs $0.01; 20 more at most" in gadgets
    assert "costs $1.00 for every 100, begun ones in full; 75,000 more at most" in analytics


@pytest.mark.parametrize(
    ("tax", "said"),
    [
        (TaxBehavior.INCLUSIVE, "Prices include tax."),
        (TaxBehavior.EXCLUSIVE, "Tax comes on top of these prices."),
        (None, ""),
    ],
)
async def test_it_says_of_tax_what_the_catalog_knows(tax: TaxBehavior | None, said: str) -> None:
    text = words(await pricing(on_its_own(replace(CATALOG, tax_behavior=tax))))
    assert (said in text) if said else ("ax comes" not in text and "include tax" not in text)


# --- month and year ---------------------------------------------------------------------------------------


async def test_a_year_says_what_it_saves_and_comes_to() -> None:
    text = words(await pricing(a_shop("manufacturing")))

    assert "Yearly saves 10%" in text
    assert "$529.20 a year comes to $44.10 a month · saves 10%" in text


async def test_plans_that_save_differently_save_up_to_something() -> None:
    plans = {**CATALOG.plans}
    plans["pro"] = replace(plans["pro"], prices={Interval.MONTH: usd(1000), Interval.YEAR: usd(9000)})
    text = words(await pricing(on_its_own(replace(CATALOG, plans=plans))))

    assert "Yearly saves up to 25%" in text
    assert "saves 16%" in text


@pytest.mark.parametrize(("query", "chosen"), [("", "month"), ("?interval=year", "year"), ("?interval=month", "month")])
async def test_an_interval_is_chosen_from_the_start(query: str, chosen: str) -> None:
    radios = [
        one for one in Markup((await pricing(a_shop("social"), query)).text).all("input") if one["type"] == "radio"
    ]

    assert [one["value"] for one in radios] == ["month", "year"]
    assert [one["value"] for one in radios if "checked" in one] == [chosen]


async def test_what_is_sold_by_the_month_alone_has_no_switch() -> None:
    answer = await pricing(a_shop("jobs"), "?interval=year")

    assert Markup(answer.text).all("fieldset") == []
    assert "saves" not in words(answer)


async def test_a_plan_that_is_sold_by_the_year_alone_shows_its_year_for_both() -> None:
    plans = {**CATALOG.plans, "pro": replace(CATALOG.plans["pro"], prices={Interval.YEAR: usd(12000)})}
    page = Markup((await pricing(on_its_own(replace(CATALOG, plans=plans)))).text)

    links = [link["href"] for link in page.all("a") if "plan=pro" in link["href"]]
    assert links == [f"{SIGN_UP}?plan=pro&interval=year"] * 2


@given(st.integers(1, 10**8), st.integers(1, 99), st.sampled_from(["usd", "jpy", "kwd", "isk"]))
def test_a_saving_is_never_larger_than_it_is(month: int, percent: int, currency: str) -> None:
    year = 12 * month * (100 - percent) // 100
    found = yearly_saving({Interval.MONTH: Money(month, currency), Interval.YEAR: Money(year, currency)})

    exact = Decimal(100 * (12 * month - year)) / (12 * month)
    assert 0 <= found <= exact + Decimal("0.005")
    assert found > exact - 1


@pytest.mark.parametrize(
    ("month", "year", "saved"), [(100, 1200, 0), (100, 1300, 0), (2999, 28790, 20), (100, 1199, 0), (3, 1, 97)]
)
def test_a_saving_is_in_whole_percent(month: int, year: int, saved: int) -> None:
    assert yearly_saving({Interval.MONTH: usd(month), Interval.YEAR: usd(year)}) == saved


@pytest.mark.parametrize(
    ("year", "twelfth"), [(usd(52920), "$44.10"), (usd(1000), "$0.83"), (Money(5000, "jpy"), "¥417")]
)
def test_a_twelfth_can_be_written(year: Money, twelfth: str) -> None:
    assert formatted(a_twelfth(year)) == twelfth


# --- buttons ----------------------------------------------------------------------------------------------


async def test_buttons_lead_to_the_sign_up_with_plan_and_interval() -> None:
    page = Markup((await pricing(a_shop("social"))).text)

    assert [link["href"] for link in page.all("a") if link["href"].startswith(SIGN_UP)] == [
        f"{SIGN_UP}?plan=free",
        *(
            f"{SIGN_UP}?plan={plan}&interval={interval}"
            for plan in ("starter", "pro", "enterprise")
            for interval in ("month", "year")
        ),
    ]
    assert "Start for free Starter" in page.said("a")


async def test_without_a_sign_up_there_are_no_buttons() -> None:
    page = Markup((await pricing(an_app())).text)
    assert [link for link in page.all("a") if "button" in link.get("class", "")] == []


async def test_a_plan_to_ask_for_has_no_price_but_values_and_a_contact() -> None:
    shown = Presentation.of(CATALOG)
    asked = ShownPlan("huge", CATALOG.plans["scale"].entitlements, contact_url="mailto:sales@northwind.example")
    app = an_app(presentation=replace(shown, plans=(*shown.plans, asked)), sign_up_url=SIGN_UP)
    page, told = Markup((await pricing(app)).text), await offer(app)

    assert {"class": "button secondary", "href": "mailto:sales@northwind.example"} in page.all("a")
    assert "Talk to us huge" in page.said("a")
    assert "As agreed" in page.said("span")
    assert not [link for link in page.all("a") if "plan=huge" in link["href"]]
    assert told["plans"][-1]["contact_url"] == "mailto:sales@northwind.example"
    assert (told["plans"][-1]["prices"], told["plans"][-1]["free"]) == ({}, False)


async def test_a_hidden_plan_is_nowhere() -> None:
    plans = {**CATALOG.plans, "scale": replace(CATALOG.plans["scale"], is_hidden=True)}
    app = on_its_own(replace(CATALOG, plans=plans))

    assert "Scale" not in words(await pricing(app))
    assert [plan["code"] for plan in (await offer(app))["plans"]] == ["free", "pro"]


async def test_a_catalog_of_nothing_but_a_free_plan_has_a_page() -> None:
    answer = await pricing(on_its_own(replace(CATALOG, plans={"free": CATALOG.plans["free"]}, add_ons={})))

    assert faults(answer.text) == []
    assert "When you need more" not in words(answer)


async def test_names_are_text_and_never_markup() -> None:
    plans = {**CATALOG.plans, "pro": replace(CATALOG.plans["pro"], name="<b>Pro</b> & co", description='"><script>')}
    answer = await pricing(on_its_own(replace(CATALOG, plans=plans)))

    assert faults(answer.text) == []
    assert "<b>Pro" not in answer.text
    assert "<script" not in answer.text


# --- how it is served -------------------------------------------------------------------------------------


async def test_it_may_be_kept_for_five_minutes_and_is_not_sent_twice() -> None:
    app = a_shop("social")
    first = await pricing(app, "?lang=en")
    again = await pricing(app, "?lang=en", **{"If-None-Match": f'"other", {first.headers["ETag"]}'})
    changed = await pricing(app, "?lang=en", **{"If-None-Match": 'W/"000000000000"'})

    assert first.headers["Cache-Control"] == "public, max-age=300"
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert again.headers["Cache-Control"] == first.headers["Cache-Control"]
    assert changed.status_code == 200


async def test_its_tag_tells_languages_intervals_frames_and_catalogs_apart() -> None:
    app, other = a_shop("social"), a_shop("jobs")
    answers = [
        await pricing(app, f"?{query}") for query in ("lang=en", "lang=de", "lang=en&interval=year", "lang=en&embed=1")
    ]
    answers.append(await pricing(other, "?lang=en"))

    assert len({answer.headers["ETag"] for answer in answers}) == 5


async def test_a_session_that_cannot_be_looked_up_shows_the_page_for_everybody() -> None:
    answer = await pricing(a_shop("jobs"), Cookie="__Host-tenure_billing=anything")

    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "public, max-age=300"


async def test_it_depends_on_the_browsers_language_unless_one_is_asked_for() -> None:
    app = a_shop("jobs")

    assert (await pricing(app)).headers["Vary"] == "Accept-Language, Accept-Encoding"
    assert (await pricing(app, "?lang=de")).headers["Vary"] == "Accept-Encoding"
    assert 'lang="de"' in (await pricing(app, **{"Accept-Language": "de"})).text


@pytest.mark.parametrize("product", PRODUCTS)
async def test_it_is_light_with_everything_that_it_loads(product: str) -> None:
    async with a_browser(a_shop(product)) as browser:
        page = await browser.get("/pricing", headers={"Accept-Encoding": "identity"})
        needed = [link["href"] for link in Markup(page.text).all("link")]
        parts = [await browser.get(address, headers={"Accept-Encoding": "identity"}) for address in needed]

    assert all(address.startswith("/") for address in needed)
    assert 1 + len(parts) <= MOST_REQUESTS
    assert sum(len(answer.content) for answer in [page, *parts]) <= MOST_BYTES


async def test_it_is_shown_in_frames_of_listed_origins_and_only_when_asked_to() -> None:
    app = a_shop("jobs", embed_origins=("https://northwind.example", "https://www.northwind.example"))
    alone, embedded = await pricing(app), await pricing(app, "?embed=1")
    nobody = await pricing(a_shop("jobs"), "?embed=1")

    assert "frame-ancestors 'none'" in alone.headers["Content-Security-Policy"]
    assert (
        "frame-ancestors https://northwind.example https://www.northwind.example"
        in embedded.headers["Content-Security-Policy"]
    )
    assert "frame-ancestors 'none'" in nobody.headers["Content-Security-Policy"]


async def test_in_a_frame_it_has_no_head_and_foot_and_its_buttons_leave_the_frame() -> None:
    answer = await pricing(a_shop("social"), "?embed=1&lang=de")
    page = Markup(answer.text)

    assert faults(answer.text) == []
    assert page.all("header") == page.all("footer") == []
    assert {link.get("target") for link in page.all("a")} == {"_top"}
    hidden = {one["name"]: one["value"] for one in page.all("input") if one["type"] == "hidden"}
    assert hidden == {"lang": "de", "embed": "1"}


async def test_search_engines_find_it_but_not_its_frames() -> None:
    def robots(answer: httpx.Response) -> list[Mapping[str, str]]:
        return [meta for meta in Markup(answer.text).all("meta") if meta.get("name") == "robots"]

    assert robots(await pricing(a_shop("jobs"))) == []
    assert robots(await pricing(a_shop("jobs"), "?embed=1")) == [{"name": "robots", "content": "noindex"}]


@pytest.mark.parametrize("query", ["?interval=week", "?embed=perhaps"])
async def test_a_wrong_question_is_answered_by_a_page(query: str) -> None:
    answer = await pricing(a_shop("jobs"), query)

    assert answer.status_code == 422
    assert faults(answer.text) == []


async def test_pages_do_not_pile_up_in_memory() -> None:
    app = an_app()
    for country in ("AT", "CH", "DE", "LU", "LI", "BE", "IT"):
        for interval in Interval:
            for embed in (0, 1):
                for language in ("de", "en"):
                    await pricing(app, f"?lang={language}-{country}&interval={interval}&embed={embed}")

    assert len(app.state.pricing_pages._kept) <= 100


# --- JSON -------------------------------------------------------------------------------------------------


async def test_the_json_says_the_same_to_any_page() -> None:
    async with a_browser(a_shop("manufacturing")) as browser:
        answer = await browser.get("/pricing.json?lang=de")
        again = await browser.get("/pricing.json?lang=de", headers={"If-None-Match": answer.headers["ETag"]})
    told = answer.json()

    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    assert again.status_code == 304
    assert (told["product"], told["language"], told["intervals"]) == ("manufacturing", "de", ["month", "year"])
    starter = told["plans"][0]
    assert starter["prices"]["year"] == {"amount": 52920, "currency": "usd"}
    assert (starter["yearly_saving"], starter["trial_days"], starter["recommended"]) == (10, 14, False)
    assert starter["sign_up_urls"]["year"] == f"{SIGN_UP}?plan=starter&interval=year"
    assert told["groups"] == ["Umfang", "Anpassung"]
    assert told["features"][0]["values"] == {"starter": 3, "professional": 25, "enterprise": None}
    assert told["add_ons"][0]["name"] == "Weiterer Nutzer"
    assert len(told["questions"]) == 8


async def test_the_json_names_values_for_customers() -> None:
    models = next(one for one in (await offer(a_shop("social")))["features"] if one["code"] == "image_models")

    assert models["values"]["free"] == ["grok2_basic"]
    assert models["value_names"]["dalle3"] == "DALL·E 3"


async def test_the_json_is_described_and_needs_no_key() -> None:
    async with a_browser(a_shop("jobs")) as browser:
        described = (await browser.get("/openapi.json")).json()
        told = await browser.get("/pricing.json")

    operation = described["paths"]["/pricing.json"]["get"]
    assert "security" not in operation
    assert operation["responses"]["200"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/Pricing"
    }
    assert set(described["components"]["schemas"]["Pricing"]["required"]) == set(json.loads(told.text))

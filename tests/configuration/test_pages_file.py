"""How pages show a catalog, as operators write it, and what is reported about mistakes."""

from pathlib import Path

import pytest

from configuration.catalog_file import load_catalog
from configuration.catalog_summary import check_catalog
from configuration.pages_file import load_presentation
from configuration.yaml_source import ConfigurationError
from domain.catalog.presentation import Question, Words
from tests.configuration.conftest import Written
from tests.harness.catalogs import CATALOGS

GOOD = """\
product: shop
version: 1
currency: usd
features:
  seats: {name: Seats, kind: number, group: Team}
  quality: {name: Quality, kind: level, values: [draft, premium], group: Images, help: How sharp images are}
  rate: {name: Rate, kind: rate}
pages:
  groups: [Images, Team]
plans:
  free:
    name: Free
    prices: free
    entitlements: {seats: 1, quality: draft, rate: x1}
  old:
    name: Old
    prices: {month: 9}
    entitlements: {seats: 2, quality: draft, rate: x1}
    hidden: true
  pro:
    name: Pro
    description: For teams
    prices: {month: 49}
    entitlements: {seats: 5, quality: premium, rate: x5}
    highlight: true
    cta: Go pro
    upgrades_to: []
  max:
    name: Max
    contact_url: https://shop.example/contact
    entitlements: {seats: unlimited, quality: premium, rate: x9}
"""
GERMAN = """\
plans:
  free: {name: Kostenlos}
  pro: {cta: Jetzt Pro}
features:
  quality: {name: Qualität, values: {draft: Entwurf}}
groups:
  Images: Bilder
faq:
  - {question: Was kostet es?, answer: Nichts.}
"""
ENGLISH = """\
features:
  quality: {values: {draft: Draft}}
faq:
  - question: What does it cost?
    answer: Nothing.
"""

NO_CONTACT = "must be an address like https://yourproduct.com/contact or mailto:sales@yourproduct.com"
MISTAKES: dict[str, tuple[str, str, str]] = {
    "neither prices nor a contact": (
        "    contact_url: https://shop.example/contact\n",
        "",
        "28: plans.max.prices: is missing",
    ),
    "a group without features": (
        "[Images, Team]",
        "[Images, Team, API]",
        "9: pages.groups.2: no feature is in the group 'API'",
    ),
    "both prices and a contact": (
        "    contact_url: https",
        "    prices: {month: 99}\n    contact_url: https",
        "31: plans.max.contact_url: a plan to ask for has no prices: remove these, or use `cta`",
    ),
    "a contact without encryption": (
        "https://shop.example/contact",
        "http://shop.example/contact",
        f"30: plans.max.contact_url: {NO_CONTACT}, not 'http://shop.example/contact'",
    ),
    "a contact that runs code": (
        "https://shop.example/contact",
        "javascript:alert(1)",
        f"30: plans.max.contact_url: {NO_CONTACT}, not 'javascript:alert(1)'",
    ),
    "a trial of what nobody signs up for": (
        "    contact_url: https",
        "    trial_days: 7\n    contact_url: https",
        "30: plans.max.trial_days: a plan with a contact_url has no sign-up: remove this",
    ),
    "a hidden plan to ask for": (
        "    contact_url: https",
        "    hidden: true\n    contact_url: https",
        "30: plans.max.hidden: a plan with a contact_url is only shown, so it cannot be hidden: remove one of the two",
    ),
    "two recommendations": (
        "    name: Free\n",
        "    name: Free\n    highlight: true\n",
        "26: plans.pro.highlight: 'free' is highlighted already: one plan at most",
    ),
    "a recommendation of what is hidden": (
        "    highlight: true",
        "    highlight: true\n    hidden: true",
        "25: plans.pro.highlight: the plan is hidden: remove one of the two",
    ),
    "an upgrade to what is hidden": (
        "upgrades_to: []",
        "upgrades_to: [old]",
        "27: plans.pro.upgrades_to.0: 'old' is hidden: nobody can change to it",
    ),
    "an upgrade to what is asked for": (
        "upgrades_to: []",
        "upgrades_to: [max]",
        "27: plans.pro.upgrades_to.0: 'max' has a contact_url: nobody can change to it",
    ),
    "a misspelt group": (
        "group: Team}",
        "group: Taem}",
        "5: features.seats.group: there is no such group under 'pages.groups'; did you mean 'Team'?",
    ),
    "a group twice": (
        "[Images, Team]",
        "[Images, Team, Images]",
        "9: pages.groups.2: 'Images' is listed twice",
    ),
    "long words on a button": (
        "cta: Go pro",
        "cta: Go pro today and never look back",
        "26: plans.pro.cta: must not be longer than 30 characters",
    ),
    "a misspelt key of the pages": ("  groups:", "  group:", "9: pages.group: unknown key; did you mean 'groups'?"),
}
MISTAKES_IN_WORDS: dict[str, tuple[str, str, str]] = {
    "a plan that is not there": (
        "  pro: {cta",
        "  por: {cta",
        "3: plans.por: is not in the catalog; did you mean 'pro'?",
    ),
    "a value that is not there": (
        "{draft: Entwurf}",
        "{draught: Entwurf}",
        "5: features.quality.values.draught: is not in the catalog; did you mean 'draft'?",
    ),
    "a group that is not there": (
        "  Images: Bilder",
        "  Pictures: Bilder",
        "7: groups.Pictures: is not in the catalog; known: Images, Team",
    ),
    "a question without an answer": (
        ", answer: Nichts.",
        "",
        "9: faq.0.answer: is missing",
    ),
    "an empty answer": ("answer: Nichts.", "answer: ''", "9: faq.0.answer: must not be empty"),
    "a misspelt key": ("faq:", "fqa:", "8: fqa: unknown key; did you mean 'faq'?"),
}


def with_words(catalog: Path, **languages: str) -> Path:
    for code, text in languages.items():
        catalog.with_name(f"{catalog.stem}.pages.{code}.yaml").write_text(text, encoding="utf-8")
    return catalog


def test_pages_show_what_is_for_sale_and_what_is_asked_for(written: Written) -> None:
    shown = load_presentation(written(GOOD))

    assert [(plan.code, plan.is_highlighted, plan.contact_url) for plan in shown.plans] == [
        ("free", False, ""),
        ("pro", True, ""),
        ("max", False, "https://shop.example/contact"),
    ]
    assert shown.plans[2].entitlements == {"seats": None, "quality": "premium", "rate": 9}
    assert shown.groups == ("Images", "Team")
    assert shown.group_of == {"seats": "Team", "quality": "Images"}


def test_a_plan_to_ask_for_is_in_no_catalog_and_a_hidden_one_is(written: Written) -> None:
    catalog = load_catalog(written(GOOD))

    assert list(catalog.plans) == ["free", "old", "pro"]
    assert [plan.code for plan in catalog.for_sale] == ["free", "pro"]
    free = catalog.free_plan
    assert free is not None
    assert free.plan == "free"


def test_a_file_beside_the_catalog_has_the_words_of_a_language(written: Written) -> None:
    shown = load_presentation(with_words(written(GOOD), de=GERMAN, en=ENGLISH))
    german, english, other = (shown.in_language(code) for code in ("de", "en", "fr"))

    assert german.plan("free").name == "Kostenlos"
    assert german.plan("pro") == Words("Pro", "For teams", "Jetzt Pro"), "what it lacks is as in the catalog"
    assert german.feature("quality") == Words("Qualität", help="How sharp images are", values={"draft": "Entwurf"})
    assert (german.group("Images"), german.group("Team")) == ("Bilder", "Team")
    assert german.questions == (Question("Was kostet es?", "Nichts."),)
    assert english.feature("quality").values == {"draft": "Draft"}
    assert other.questions == english.questions == (Question("What does it cost?", "Nothing."),)
    assert other.plan("pro").cta == "Go pro"


def test_what_a_catalog_names_needs_no_file_beside_it(written: Written) -> None:
    words = load_presentation(written(GOOD)).in_language("de")

    assert (words.plan("pro").name, words.feature("rate").name, words.questions) == ("Pro", "Rate", ())


@pytest.mark.parametrize(("right", "wrong", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_in_the_catalog_is_reported_with_its_line(
    written: Written, right: str, wrong: str, message: str
) -> None:
    assert right in GOOD
    with pytest.raises(ConfigurationError) as refused:
        check_catalog(written(GOOD.replace(right, wrong, 1)))
    assert str(refused.value).splitlines() == [f"file.yaml:{message}"]


@pytest.mark.parametrize(("right", "wrong", "message"), MISTAKES_IN_WORDS.values(), ids=MISTAKES_IN_WORDS)
def test_a_mistake_in_the_words_is_reported_with_its_file_and_line(
    written: Written, right: str, wrong: str, message: str
) -> None:
    assert right in GERMAN
    catalog = with_words(written(GOOD), de=GERMAN.replace(right, wrong, 1))
    with pytest.raises(ConfigurationError) as refused:
        check_catalog(catalog)
    assert str(refused.value).splitlines() == [f"file.pages.de.yaml:{message}"]


def test_words_in_a_language_without_pages_are_refused(written: Written) -> None:
    with pytest.raises(ConfigurationError, match=r"file\.pages\.tlh\.yaml:1: there are no pages in 'tlh'"):
        check_catalog(with_words(written(GOOD), tlh=GERMAN))


def test_the_check_says_what_pages_show(written: Written) -> None:
    lines = check_catalog(with_words(written(GOOD), de=GERMAN)).splitlines()

    assert "  old: Old, $9.00 a month, not for sale" in lines
    assert lines[lines.index("Pages") + 1 :] == [
        "  recommended: pro",
        "  max: to be asked for at https://shop.example/contact",
        "  features in groups: Images, Team",
        "  questions in de: 1",
    ]


@pytest.mark.parametrize("product", ["social", "attribution", "jobs", "manufacturing"])
def test_each_product_that_ships_has_words_and_answers_in_both_languages(product: str) -> None:
    catalog, shown = load_catalog(CATALOGS / f"{product}.yaml"), load_presentation(CATALOGS / f"{product}.yaml")
    german, english = shown.wordings["de"], shown.wordings["en"]

    assert len(german.questions) == len(english.questions) >= 7
    assert set(german.features) == set(catalog.features), "each feature has a German name"
    assert set(german.groups) == set(shown.groups)
    assert set(german.add_ons) == set(catalog.add_ons)
    assert set(shown.group_of) == set(catalog.features)
    assert len([plan for plan in shown.plans if plan.is_highlighted]) == 1

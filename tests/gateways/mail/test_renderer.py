"""What holds for every mail, whatever its facts and its reader are like."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from domain.brand import Brand
from domain.errors import Malformed
from domain.notifications.mail_types import FACTS, REQUIRED_FACTS, IncompleteMail, Occasion
from gateways.mail.renderer import MailRenderer
from tests.gateways.mails import ADA, BRAND, FULL_FACTS, Reader, assert_both_say, renderer, words, write


@pytest.mark.parametrize("occasion", Occasion)
def test_every_required_fact_is_missed_by_name(occasion: Occasion) -> None:
    for name in REQUIRED_FACTS[occasion]:
        facts = {key: value for key, value in FULL_FACTS.items() if key != name}
        with pytest.raises(IncompleteMail, match=rf"a {occasion} mail cannot be rendered without {name}$"):
            renderer().render(occasion, facts, ADA)
        with pytest.raises(IncompleteMail, match=name):
            renderer().render(occasion, FULL_FACTS | {name: " \n"}, ADA)


def test_the_documented_facts_are_those_the_mails_know() -> None:
    assert set(FULL_FACTS) == set(FACTS)
    assert set(REQUIRED_FACTS) == set(Occasion)
    assert set().union(*REQUIRED_FACTS.values()) <= set(FACTS)


@pytest.mark.parametrize("occasion", Occasion)
@pytest.mark.parametrize("optional", ["all", "none"])
@pytest.mark.parametrize(
    ("locale", "hello", "next_title"),
    [
        ("en", {"all": "Hello Ada Lovelace,", "none": "Hello,"}, "What happens next"),
        ("de", {"all": "Guten Tag, Ada Lovelace!", "none": "Guten Tag!"}, "Wie es weitergeht"),
    ],
)
def test_a_mail_reads_well_with_and_without_what_is_optional(
    occasion: Occasion, optional: str, locale: str, hello: dict[str, str], next_title: str
) -> None:
    facts = {key: value for key, value in FULL_FACTS.items() if optional == "all" or key in REQUIRED_FACTS[occasion]}
    reader = replace(ADA, name=ADA.name if optional == "all" else None, locale=locale)
    mail = renderer().render(occasion, facts, reader)

    for said in (mail.subject, " ".join(mail.text.split()), words(mail.html)):
        assert not re.search(r"None|Undefined|%\(|Moment\(|\{|\}| [.,:;]|\.\.|[.,][A-Z]", said)
    assert_both_say(mail, hello[optional], next_title)
    assert not re.search(r"\n{3,}| \n", mail.text)
    next_step = mail.text.partition(f"{'-' * len(next_title)}\n")[2]
    assert next_step.partition("\n\n")[0].strip()


@pytest.mark.parametrize("occasion", Occasion)
def test_the_html_loads_nothing_and_its_links_are_plain(occasion: Occasion) -> None:
    mail = renderer().render(occasion, FULL_FACTS, ADA)
    reader = Reader()
    reader.feed(mail.html)

    assert not {"img", "script", "link", "iframe", "form"} & set(reader.tags)
    assert all(address.startswith(("https://", "mailto:")) for address in reader.addresses)
    assert "url(" not in mail.html
    assert 'style="' in mail.html


def test_a_mail_is_the_same_every_time_it_is_written() -> None:
    first, second = (MailRenderer(BRAND).render(Occasion.RECEIPT, FULL_FACTS, ADA) for _ in range(2))
    assert first == second


def test_a_plans_name_can_neither_break_the_subject_nor_the_page() -> None:
    mail = write(Occasion.CANCELED, plan_name="Pro\r\nBcc: x\x00 <b>" + "o" * 300)

    assert mail.subject.startswith("Your Pro Bcc: x <b>ooo")
    assert len(mail.subject) <= 150
    assert "<b>" not in mail.html


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("trial_ends_at", "tomorrow"),
        ("trial_ends_at", "2026-12-05T17:30:00"),
        ("days_left", "soon"),
        ("days_left", "-1"),
        ("amount", "49.00"),
        ("currency", "$"),
        ("interval", "fortnight"),
        ("billing_url", "javascript:alert(1)"),
        ("billing_url", "//evil.example"),
        ("action_url", "https://["),
        ("percent", "ninety"),
        ("used", "-1"),
        ("used", "1e9"),
        ("due_now", "1.50"),
        ("refund_amount", "all"),
        ("resets_at", "Monday"),
        ("quantity", "three"),
    ],
)
def test_an_invalid_fact_is_rejected_by_name(name: str, value: str) -> None:
    with pytest.raises(IncompleteMail, match=f"^{name} is "):
        renderer().render(Occasion.TRIAL_ENDING, FULL_FACTS | {name: value}, ADA)


# --- the brand --------------------------------------------------------------------------------------------


def test_a_mail_shows_its_brand() -> None:
    acme = Brand("Acme & Söhne", "https://acme.example", "hi@acme.example", colour="#FFD400")
    mail = MailRenderer(acme).render(Occasion.CANCELED, FULL_FACTS | {"action_url": "", "billing_url": ""}, ADA)

    assert_both_say(mail, "Acme & Söhne", "hi@acme.example")
    assert 'href="https://acme.example"' in mail.html
    button = re.search(r'<a class="button"[^>]*style="([^"]*)"', mail.html)
    assert button is not None
    assert "#FFD400" in button[1]
    assert "#111827" in button[1], "dark letters on a light colour"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("product_name", " "),
        ("colour", "red; background: url(x)"),
        ("support_email", "help"),
        ("public_url", "app.example"),
        ("billing_url", "javascript:x"),
        ("upgrade_url", "app.example/plans"),
    ],
)
def test_an_invalid_brand_is_rejected_by_field(field: str, value: str) -> None:
    with pytest.raises(Malformed) as error:
        replace(BRAND, **{field: value})
    assert error.value.field == field


# --- the manual -------------------------------------------------------------------------------------------


def test_the_manual_names_every_occasion_and_what_it_cannot_be_written_without() -> None:
    manual = (Path(__file__).parents[3] / "docs" / "mails.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \|[^|]*\| (.*) \|$", manual, flags=re.MULTILINE))
    price = "`plan_name`, `amount`, `currency`"

    assert {name: set(re.findall(r"`(\w+)`", row.replace("price", price))) for name, row in rows.items()} == {
        occasion.value: set(facts) for occasion, facts in REQUIRED_FACTS.items()
    }

"""What holds for every mail, whatever its facts and its reader are like."""

import re
from dataclasses import replace

import pytest

from domain.errors import Malformed
from domain.mails import FACTS, REQUIRED_FACTS, IncompleteMail, Occasion
from gateways.mail_rendering import Brand, MailRenderer
from tests.gateways.letters import ADA, BRAND, FULL_FACTS, Reader, assert_both_say, renderer, words, write


@pytest.mark.parametrize("occasion", Occasion)
def test_every_required_fact_is_missed_by_name(occasion: Occasion) -> None:
    for name in REQUIRED_FACTS[occasion]:
        facts = {key: value for key, value in FULL_FACTS.items() if key != name}
        with pytest.raises(IncompleteMail, match=rf"a {occasion} mail cannot be written without {name}$"):
            renderer().render(occasion, facts, ADA)
        with pytest.raises(IncompleteMail, match=name):
            renderer().render(occasion, FULL_FACTS | {name: " \n"}, ADA)


def test_the_documented_facts_are_those_the_mails_know() -> None:
    assert set(FULL_FACTS) == set(FACTS)
    assert set(REQUIRED_FACTS) == set(Occasion)
    assert set().union(*REQUIRED_FACTS.values()) <= set(FACTS)


@pytest.mark.parametrize("occasion", Occasion)
@pytest.mark.parametrize("optional", ["all", "none"])
def test_a_mail_reads_well_with_and_without_what_is_optional(occasion: Occasion, optional: str) -> None:
    facts = {key: value for key, value in FULL_FACTS.items() if optional == "all" or key in REQUIRED_FACTS[occasion]}
    mail = renderer().render(occasion, facts, replace(ADA, name=ADA.name if optional == "all" else None))

    for said in (mail.subject, " ".join(mail.text.split()), words(mail.html)):
        assert not re.search(r"None|Undefined|Moment|\{|\}| [.,:;]|\.\.|[.,][A-Z]", said)
    assert_both_say(mail, "Hello Ada Lovelace," if optional == "all" else "Hello,", "What happens next")
    assert not re.search(r"\n{3,}| \n", mail.text)
    next_step = mail.text.partition("-----------------\n")[2]
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
    assert [address for address in reader.addresses if address.startswith("https://pay.example.com/confirm/1")]


def test_a_mail_is_the_same_every_time_it_is_written() -> None:
    first, second = (MailRenderer(BRAND).render(Occasion.RECEIPT, FULL_FACTS, ADA) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    "name",
    [
        "Ada\r\nBcc: eve@example.com",
        "<script>alert(1)</script>",
        "{{ brand }}{% raw %}",
        "A" * 300,
        "\ud800\u202eAda\u2066\x00",
        "🎉 Ada 👩‍🚀",
        "Visit https://evil.example now",
        "win at evil.example",
    ],
)
@pytest.mark.parametrize("occasion", Occasion)
def test_a_name_is_only_ever_a_name(occasion: Occasion, name: str) -> None:
    mail = renderer().render(occasion, FULL_FACTS, replace(ADA, name=name))

    assert "\n" not in mail.subject
    assert "\r" not in mail.subject + mail.text
    assert "<script" not in mail.html
    assert "evil.example" not in mail.text + mail.html
    assert "A" * 61 not in mail.text + mail.html
    assert not re.search("[\ud800\u202e\u2066\x00]", mail.text + mail.html)
    mail.text.encode()
    mail.html.encode()


def test_an_emoji_stays_in_a_name() -> None:
    mail = renderer().render(Occasion.CANCELED, FULL_FACTS, replace(ADA, name="Ada 👩‍🚀"))
    assert_both_say(mail, "Hello Ada 👩‍🚀,")


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
    ],
)
def test_a_fact_that_makes_no_sense_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(IncompleteMail, match=f"^{name} is "):
        renderer().render(Occasion.TRIAL_ENDING, FULL_FACTS | {name: value}, ADA)


# --- in the customer's own terms --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("locale", "zone", "said"),
    [
        ("en", "Europe/Berlin", "Sunday, 6 December 2026 at 00:30 CET"),
        ("en-US", "America/New_York", "Saturday, December 5, 2026 at 6:30 PM EST"),
        ("en_US", "America/Los_Angeles", "Saturday, December 5, 2026 at 3:30 PM PST"),
        ("en", "America/Sao_Paulo", "Saturday, 5 December 2026 at 20:30 UTC-03:00"),
        ("en", "Asia/Kathmandu", "Sunday, 6 December 2026 at 05:15 UTC+05:45"),
        ("en", "UTC", "Saturday, 5 December 2026 at 23:30 UTC"),
        ("", "Middle/Earth", "Saturday, 5 December 2026 at 23:30 UTC"),
        ("xx", "../etc/passwd", "Saturday, 5 December 2026 at 23:30 UTC"),
    ],
)
def test_an_instant_is_told_on_the_customers_own_calendar(locale: str, zone: str, said: str) -> None:
    facts = FULL_FACTS | {"trial_ends_at": "2026-12-05T23:30:00Z"}
    reader = replace(ADA, locale=locale, timezone=zone)
    assert said in renderer().render(Occasion.TRIAL_STARTED, facts, reader).text


def test_a_clock_change_is_told_by_the_zones_name() -> None:
    assert "at 09:00 CEST" in write(Occasion.TRIAL_STARTED, trial_ends_at="2026-10-24T07:00:00Z").text
    assert "at 09:00 CET" in write(Occasion.TRIAL_STARTED, trial_ends_at="2026-10-26T08:00:00Z").text


@pytest.mark.parametrize(
    ("amount", "currency", "said"),
    [
        ("4900", "usd", "$49.00"),
        ("1999", "EUR", "€19.99"),
        ("123456789", "usd", "$1,234,567.89"),
        ("5", "gbp", "£0.05"),
        ("4900", "jpy", "¥4,900"),
        ("4900", "krw", "₩4,900"),
        ("4900", "kwd", "KWD 4.900"),
        ("4900", "sek", "SEK 49.00"),
        ("-4900", "usd", "-$49.00"),
        ("0", "usd", "$0.00"),
    ],
)
def test_money_is_told_with_its_currencys_own_decimals(amount: str, currency: str, said: str) -> None:
    mail = write(Occasion.ACTION_REQUIRED, amount=amount, currency=currency)
    assert mail.subject == f"Please confirm your payment of {said}"


def test_a_yearly_price_is_told_by_the_year() -> None:
    mail = write(Occasion.TRIAL_STARTED, interval="year", trial_ends_at="2026-12-05T17:30:00Z")
    assert_both_say(mail, "$199.00 a year")


def test_an_unknown_kind_of_card_is_a_card() -> None:
    assert_both_say(
        write(Occasion.ACTION_REQUIRED, card_brand="hologram", card_last4="0007"), "with your card ending in 0007"
    )


# --- the brand --------------------------------------------------------------------------------------------


def test_a_mail_wears_its_brand() -> None:
    acme = Brand("Acme & Söhne", "https://acme.example", "hi@acme.example", colour="#FFD400")
    mail = MailRenderer(acme).render(Occasion.CANCELED, FULL_FACTS | {"action_url": "", "billing_url": ""}, ADA)

    assert_both_say(mail, "Acme & Söhne", "hi@acme.example", "https://acme.example")
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
    ],
)
def test_a_brand_that_makes_no_sense_is_refused_by_its_field(field: str, value: str) -> None:
    with pytest.raises(Malformed) as error:
        replace(BRAND, **{field: value})
    assert error.value.field == field

"""Each button names what it opens; without a page there is text instead."""

import re
from html import unescape

import pytest

from domain.notifications.mail_types import Occasion
from gateways.mail.samples import Sample, samples
from tests.gateways.mails import BRAND, CARD, a_reader, assert_both_say, renderer, words, write

PAY_LINK = "https://app.northwind.example/pay/sample"
NAMES = {
    PAY_LINK: {
        *("Add a card", "Update your card", "Enter your card again"),
        *("Karte hinterlegen", "Karte aktualisieren", "Karte noch einmal eingeben"),
    },
    BRAND.public_url: {"Open Northwind", "Northwind öffnen", "Northwind"},
    BRAND.upgrade_url: {"Choose a larger plan", "Größeren Tarif wählen"},
    "https://pay.example.com/confirm/1": {"Confirm the payment", "Zahlung bestätigen"},
    "https://pay.example.com/invoices/3": {"View the invoice", "Rechnung ansehen"},
    "https://pay.example.com/invoices/3.pdf": {"Download the invoice as PDF", "Rechnung als PDF herunterladen"},
}
"""What may be written on a link to each page."""
_LINK = re.compile(r'<a [^>]*href="([^"]+)"[^>]*>([^<]+)</a>')
_NO_PAGES = re.compile(
    r"billing page|Abrechnungsseite|manage your|verwalten|undo the|Resume your subscription|Come back:"
)


@pytest.mark.parametrize("locale", ["en", "de"])
@pytest.mark.parametrize("sample", samples(), ids=lambda sample: sample.name)
def test_each_link_names_what_it_opens(sample: Sample, locale: str) -> None:
    mail = renderer().render(sample.occasion, sample.facts, a_reader(locale))

    for address, name in _LINK.findall(mail.html):
        if not address.startswith("mailto:") and unescape(name) != address:
            assert unescape(name) in NAMES[address]
    for address, names in NAMES.items():
        for name in re.findall(rf"(?m)^(.+): {re.escape(address)}$", mail.text):
            assert name in names
    assert not _NO_PAGES.search(mail.text + words(mail.html)), "it speaks of a page that there is not"


@pytest.mark.parametrize(
    ("occasion", "facts", "sentence"),
    [
        (Occasion.CANCELLATION_SCHEDULED, {"cancel_at": "2027-01-05T09:00:00Z"}, "the cancellation is undone"),
        (Occasion.PAUSED, {}, "It stays paused until you resume it. To do so, write to help@northwind.example"),
        (
            Occasion.TRIAL_ENDING,
            {**CARD, "trial_ends_at": "2026-12-05T17:30:00Z", "days_left": "3"},
            "To leave, write to help@northwind.example before that, and you pay nothing.",
        ),
        (
            Occasion.TRIAL_STARTED,
            {**CARD, "trial_ends_at": "2026-12-05T17:30:00Z"},
            "To cancel, write to help@northwind.example.",
        ),
        (
            Occasion.RENEWAL_AHEAD,
            {**CARD, "interval": "year", "renews_at": "2027-01-05T09:00:00Z"},
            "Write to help@northwind.example before that day.",
        ),
        (Occasion.RESUMED, CARD, "To change your plan or to cancel, write to help@northwind.example."),
    ],
)
def test_without_a_page_there_is_text_instead_of_a_link(
    occasion: Occasion, facts: dict[str, str], sentence: str
) -> None:
    assert_both_say(write(occasion, **facts), sentence)


def test_a_canceled_subscription_and_a_choice_made_by_mail_have_no_card_link() -> None:
    for occasion in (Occasion.CANCELED, Occasion.CANCELLATION_SCHEDULED, Occasion.PAUSED, Occasion.MOVED_TO_FREE):
        mail = write(
            occasion, **CARD, billing_url=PAY_LINK, cancel_at="2027-01-05T09:00:00Z", old_plan_name="Professional"
        )
        assert PAY_LINK not in mail.text + mail.html

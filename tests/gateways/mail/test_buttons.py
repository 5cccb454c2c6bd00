"""Each link names what it opens, and what a mail speaks of can be done by its link."""

import re
from html import unescape

import pytest

from domain.notifications.links_of_mails import FLOW_OF_FACT
from domain.notifications.mail_types import Occasion
from gateways.mail.samples import Sample, samples
from tests.gateways.mails import BRAND, CARD, a_reader, renderer, write

TRIAL = {"trial_ends_at": "2026-12-05T17:30:00Z"}
RENEWAL = {"renews_at": "2027-01-05T09:00:00Z"}
MAIL = "https://app.northwind.example/billing/mail"
NAMES = {
    f"{MAIL}/payment_method": {"Add a card", "Update your card", "Karte hinterlegen", "Karte aktualisieren"},
    f"{MAIL}/pay": {"Pay now", "Jetzt bezahlen"},
    f"{MAIL}/cancel": {"Cancel your subscription", "Abonnement kündigen"},
    f"{MAIL}/undo_cancel": {"Keep your subscription", "Abonnement behalten"},
    f"{MAIL}/resume": {"Resume your subscription", "Abonnement fortsetzen"},
    f"{MAIL}/withdraw_change": {"Withdraw the change", "Änderung zurücknehmen"},
    f"{MAIL}/buy": {"Choose a plan", "Tarif wählen"},
    f"{MAIL}/change_plan": {"Change your plan", "Tarif ändern"},
    f"{MAIL}/overview": {"Manage your subscription", "Abonnement verwalten"},
    "https://app.northwind.example/billing/enter/sample": {"Open your billing page", "Abrechnungsseite öffnen"},
    "https://app.northwind.example/console/enter/sample": {"Sign in", "Anmelden"},
    "https://app.northwind.example/console": {"Open the console", "Konsole öffnen"},
    BRAND.public_url: {"Open Northwind", "Northwind öffnen", "Northwind"},
    BRAND.upgrade_url: {"Choose a larger plan", "Größeren Tarif wählen"},
    "https://pay.example.com/confirm/1": {"Confirm the payment", "Zahlung bestätigen"},
    "https://pay.example.com/invoices/3": {"View the invoice", "Rechnung ansehen"},
    "https://pay.example.com/invoices/3.pdf": {"Download the invoice as PDF", "Rechnung als PDF herunterladen"},
}
"""What may be written on a link to each page."""
_LINK = re.compile(r'<a [^>]*href="([^"]+)"[^>]*>([^<]+)</a>')


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


@pytest.mark.parametrize(
    ("occasion", "facts", "flow"),
    [
        (Occasion.TRIAL_STARTED, {**CARD, **TRIAL}, "cancel"),
        (Occasion.TRIAL_STARTED, TRIAL, "payment_method"),
        (Occasion.TRIAL_ENDING, {**CARD, **TRIAL, "days_left": "3"}, "cancel"),
        (Occasion.TRIAL_ENDING, {**TRIAL, "days_left": "3"}, "payment_method"),
        (Occasion.TRIAL_EXPIRED, {}, "payment_method"),
        (Occasion.CONVERTED, CARD, "cancel"),
        (Occasion.RECEIPT, {**CARD, "invoice_number": "NW-1"}, "cancel"),
        (Occasion.PAYMENT_FAILED, {**CARD, "attempt": "1", "attempts": "6"}, "pay"),
        (Occasion.ACTION_REQUIRED, CARD, "pay"),
        (Occasion.SUSPENDED, {"reason": "nonpayment"}, "pay"),
        (Occasion.REACTIVATED, CARD, "cancel"),
        (Occasion.CANCELLATION_SCHEDULED, {"cancel_at": "2027-01-05T09:00:00Z"}, "undo_cancel"),
        (Occasion.CARD_EXPIRING, {**CARD, **RENEWAL, "card_exp": "12/2026"}, "payment_method"),
        (Occasion.RENEWAL_AHEAD, {**CARD, **RENEWAL}, "cancel"),
        (
            Occasion.PLAN_CHANGE_SCHEDULED,
            {"old_plan_name": "Pro", "change_at": "2027-01-05T09:00:00Z"},
            "withdraw_change",
        ),
        (Occasion.PAUSED, {}, "resume"),
        (Occasion.RESUMED, CARD, "cancel"),
    ],
)
def test_what_a_mail_speaks_of_can_be_done_by_its_link(occasion: Occasion, facts: dict[str, str], flow: str) -> None:
    links = {fact: f"{MAIL}/{one}" for fact, one in FLOW_OF_FACT.items()}
    mail = write(occasion, **{"interval": "month"} | facts | links)

    assert f": {MAIL}/{flow}\n" in mail.text
    assert f'href="{MAIL}/{flow}"' in mail.html


def test_a_canceled_subscription_and_a_choice_made_by_mail_have_no_card_link() -> None:
    for occasion in (Occasion.CANCELED, Occasion.CANCELLATION_SCHEDULED, Occasion.PAUSED, Occasion.MOVED_TO_FREE):
        card = f"{MAIL}/payment_method"
        mail = write(occasion, **CARD, card_url=card, cancel_at="2027-01-05T09:00:00Z", old_plan_name="Professional")
        assert card not in mail.text + mail.html

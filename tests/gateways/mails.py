"""Facts of all kinds, and helpers to read the mails made of them."""

from dataclasses import replace
from functools import cache
from html.parser import HTMLParser

from domain.brand import Brand
from domain.notifications.links_of_mails import FLOW_OF_FACT
from domain.notifications.mail_types import Occasion, Recipient, Rendered
from gateways.mail.renderer import MailRenderer

BRAND = Brand(
    "Northwind",
    "https://app.northwind.example",
    "help@northwind.example",
    billing_url="https://app.northwind.example/billing",
    upgrade_url="https://app.northwind.example/plans",
    address="Northwind Ltd, 1 Harbour Road, Bristol BS1 4RW, United Kingdom",
)
ADA = Recipient("ada@example.com", "Ada Lovelace", "en", "Europe/Berlin")

PLAN = {
    "plan": "professional",
    "plan_name": "Professional",
    "interval": "month",
    "amount": "19900",
    "currency": "usd",
    "access": "full",
    "has_card": "no",
}
CARD = {"has_card": "yes", "card_brand": "visa", "card_last4": "4242"}
BILL = {
    "invoice_number": "NW-0003",
    "invoice_url": "https://pay.example.com/i/3",
    "invoice_pdf": "https://pay.example.com/i/3.pdf",
    "period_end": "2027-01-05T09:00:00Z",
}
ATTEMPT = {
    "attempt": "2",
    "attempts": "6",
    "decline_code": "insufficient_funds",
    "amount_due": "18900",
    "next_attempt_at": "2026-12-08T09:00:00Z",
}
SUSPENSION = {"keep_data_until": "2027-01-18T09:00:00Z", "cancel_at": "2027-01-18T09:00:00Z"}

FULL_FACTS = {
    "tenant_name": "europe",
    "status": "active",
    "disputed": "no",
    "ends_pause": "no",
    "bills_overage": "no",
    "card_is_barred": "no",
    "endpoint_url": "https://app.northwind.example/hooks/billing",
    "failing_since": "2026-11-30T08:15:00Z",
    **PLAN,
    **CARD,
    **BILL,
    **ATTEMPT,
    **SUSPENSION,
    "trial_ends_at": "2026-12-05T17:30:00Z",
    "days_left": "3",
    "trial_end": "suspend",
    "free_plan_name": "Free",
    "action_url": "https://pay.example.com/confirm/1",
    "canceled_reason": "nonpayment",
    **{fact: f"https://app.northwind.example/mail/{fact}" for fact in FLOW_OF_FACT},
    "enter_url": "https://app.northwind.example/enter",
    "reason": "nonpayment",
    "old_plan_name": "Starter",
    "quantity": "3",
    "due_now": "7500",
    "change_at": "2027-01-05T09:00:00Z",
    "renews_at": "2027-01-05T09:00:00Z",
    "replaced_plan_name": "Starter",
    "replaced_at": "2027-01-05T09:00:00Z",
    "card_exp": "12/2026",
    "resumes_at": "2027-02-01T09:00:00Z",
    "refund_amount": "5000",
    "is_full_refund": "no",
    "refusal": "already_subscribed",
    "meter_name": "API calls",
    "used": "9000",
    "limit": "10000",
    "percent": "90",
    "resets_at": "2027-01-01T00:00:00Z",
    "grace_ends_at": "2026-12-28T09:00:00Z",
    "grace_days": "7",
    "ceiling": "11000",
    "beyond_limit": "billed",
    "overage_amount": "100",
    "overage_units": "1000",
    "has_larger_plan": "yes",
    "amount_paid": "12503",
    "refunded_in_all": "7000",
    "excess": '[["Users", 9, 3]]',
    "period_start": "2026-12-05T09:00:00Z",
    "paid_at": "2026-12-05T09:01:00Z",
    "lines": '[["Professional", 19900], ["Extra users", 1500]]',
    "invoice_total": "23098",
    "discount": "1990",
    "tax": "3688",
    "tax_included": "no",
    "credit_applied": "1417",
}


def a_reader(locale: str, name: str = "Ada Lovelace") -> Recipient:
    return replace(ADA, locale=locale, name=name)


@cache
def renderer() -> MailRenderer:
    return MailRenderer(BRAND)


def write(occasion: Occasion, **facts: str) -> Rendered:
    return renderer().render(occasion, {**PLAN, **facts}, ADA)


def words(html: str) -> str:
    """The text a reader of the HTML sees, on one line."""
    reader = Reader()
    reader.feed(html)
    return " ".join("".join(reader.seen).split())


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self._hidden = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._hidden = tag in ("style", "title")
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_endtag(self, tag: str) -> None:
        self._hidden = False

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.seen.append(data)


def assert_both_say(mail: Rendered, *sentences: str) -> None:
    for sentence in sentences:
        assert sentence in " ".join(mail.text.split())
        assert sentence in words(mail.html)


def assert_both_lead_to(mail: Rendered, address: str) -> None:
    assert f": {address}\n" in mail.text
    assert f'href="{address}"' in mail.html

"""Parts of simulated lives."""

from datetime import UTC, datetime, timedelta
from typing import Any

from domain.money import Money
from sandbox.simulation.lines import Kind, Line, Records, Seen

START = datetime(2026, 1, 31, 9, 0, tzinfo=UTC)
PRICE = Money(4900, "usd")


def on_day(day: float) -> datetime:
    return START + timedelta(days=day)


def a_line(day: int, text: str, kind: Kind = Kind.NOTE, **facts: Any) -> Line:
    return Line(on_day(day), day, kind, text, facts)


def an_entry(day: float, kind: str, summary: str = "", **details: str) -> dict[str, Any]:
    return {"at": on_day(day).isoformat(), "kind": kind, "summary": summary, "details": details}


def a_mail(number: int, subject: str, occasion: str) -> dict[str, Any]:
    return {"message_id": f"<{number}@x>", "subject": subject, "headers": {"X-Tenure-Occasion": occasion}}


def records(**more: Any) -> Records:
    defaults: dict[str, Any] = {"past": [], "bills": [], "mails": [], "seen": [], "price": PRICE}
    return Records(START, **(defaults | more))


def seen(day: float, status: str, access: str = "full", reason: str = "") -> Seen:
    return Seen(on_day(day), status, access, reason)

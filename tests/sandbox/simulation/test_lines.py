"""What is told of a life."""

from datetime import timedelta

import pytest

from sandbox.simulation.lines import Kind, day_of, lines
from tests.sandbox.simulation.builders import START, a_mail, an_entry, on_day, records, seen


def test_a_paid_charge_is_shown_with_its_amount() -> None:
    (line,) = lines(records(past=[an_entry(14, "converted", amount="19900", currency="eur")]))

    assert (line.day, line.kind, line.text) == (14, Kind.CHARGE, "€199.00 paid: first period")
    assert line.facts == {"outcome": "paid", "amount": 19900, "currency": "eur"}


def test_a_declined_charge_is_shown_with_its_reason_and_the_price_of_the_period() -> None:
    (line,) = lines(
        records(past=[an_entry(45, "retry_failed", "Retry failed", decline_code="lost_card", **{"try": "2"})])
    )

    assert (line.kind, line.text) == (Kind.CHARGE, "$49.00 declined: lost_card, try 2")
    assert line.facts["outcome"] == "declined"


def test_a_mail_is_shown_by_its_subject_with_invoices_numbered() -> None:
    past = [an_entry(14, "mail_sent", message_id="<1@x>", status="sent")]
    mails = [a_mail(1, "Your receipt, invoice 70A55F43-0012", "receipt")]

    (line,) = lines(records(past=past, mails=mails, bills=[{"number": "70A55F43-0012"}]))

    assert (line.kind, line.text) == (Kind.MAIL, "Your receipt, invoice #12")
    assert line.facts == {"occasion": "receipt", "state": "sent"}


def test_a_mail_that_never_arrived_is_shown_from_the_journal() -> None:
    past = [an_entry(14, "mail_withdrawn", "Mail payment failed: withdrawn", status="withdrawn")]

    (line,) = lines(records(past=past))

    assert line.text == "Mail payment failed: withdrawn"


def test_other_entries_are_notes_with_days_instead_of_moments() -> None:
    (line,) = lines(records(past=[an_entry(0, "trial_started", "Trial until 2026-02-14T09:00:01Z")]))

    assert (line.kind, line.text) == (Kind.NOTE, "Trial until 2026-02-14")


def test_a_reminder_is_shown_once_by_its_mail() -> None:
    assert lines(records(past=[an_entry(7, "trial_ending", "Reminder")])) == ()


def test_only_changes_of_status_or_access_are_shown_each_after_its_cause() -> None:
    watched = [seen(0, "trialing"), seen(7, "trialing"), seen(14.0001, "active"), seen(20, "active")]

    told = lines(records(past=[an_entry(14, "converted")], seen=watched))

    assert [line.text for line in told] == [
        "trialing, access full",
        "$49.00 paid: first period",
        "active, access full",
    ]


@pytest.mark.parametrize(
    ("after", "day"),
    [
        (timedelta(milliseconds=-20), 0),
        (timedelta(hours=23), 0),
        (timedelta(days=14, milliseconds=-50), 14),
        (timedelta(days=14, seconds=2), 14),
    ],
)
def test_a_moment_before_or_after_a_whole_day_belongs_to_it(after: timedelta, day: int) -> None:
    assert day_of(START + after, START) == day


def test_a_refusal_is_shown_where_it_happened() -> None:
    told = lines(records(past=[an_entry(1, "noted", "one"), an_entry(3, "noted", "three")], notes=[(on_day(2), "two")]))

    assert [line.text for line in told] == ["one", "two", "three"]

"""A simulation in figures."""

from sandbox.simulation.lines import Kind
from sandbox.simulation.summary import summarize
from tests.sandbox.simulation.builders import a_line, on_day, seen


def test_money_is_summed_by_the_status_of_invoices() -> None:
    statuses = ["paid", "paid", "open", "void", "uncollectible"]
    bills = [{"status": status, "amount": 100 * place} for place, status in enumerate(statuses, start=1)]

    summary = summarize([], bills, [seen(0, "active")], on_day(1), "usd")

    assert (summary.taken, summary.outstanding, summary.written_off) == (300, 300, 900)
    assert summary.bills == {"paid": 2, "open": 1, "void": 1, "uncollectible": 1}


def test_days_are_counted_by_the_access_there_was_up_to_the_end() -> None:
    watched = [seen(0, "active"), seen(10, "past_due", "limited"), seen(14.5, "suspended", "none"), seen(20, "active")]
    watched += [seen(30, "canceled", "none", "nonpayment")]

    summary = summarize([], [], watched, on_day(31.5), "usd")

    assert (summary.days_with_limited_access, summary.days_without_access) == (4.5, 7.0)
    assert (summary.status, summary.access, summary.reason) == ("canceled", "none", "nonpayment")


def test_only_mails_that_were_sent_and_charges_by_their_outcome_are_counted() -> None:
    told = [
        a_line(1, "a", Kind.MAIL, occasion="receipt", state="sent"),
        a_line(2, "b", Kind.MAIL, occasion="receipt", state="withdrawn"),
        a_line(3, "c", Kind.CHARGE, outcome="paid"),
        a_line(4, "d", Kind.CHARGE, outcome="declined"),
        a_line(5, "e", Kind.CHARGE, outcome="declined"),
    ]

    summary = summarize(told, [], [seen(0, "active")], on_day(6), "usd")

    assert (summary.mails, summary.mails_sent) == ({"receipt": 1}, 1)
    assert (summary.charges_paid, summary.charges_declined) == (1, 2)

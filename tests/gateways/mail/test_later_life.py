"""Mails about cards, renewals, changes, pauses, refunds and limits."""

import re
from dataclasses import replace

import pytest

from domain.notifications.mail_types import Occasion
from gateways.mail.renderer import MailRenderer
from gateways.mail.samples import Sample, samples
from tests.gateways.mails import (
    BILL,
    BRAND,
    CARD,
    PLAN,
    a_reader,
    assert_both_lead_to,
    assert_both_say,
    renderer,
    words,
    write,
)

RENEWAL = {"renews_at": "2027-01-05T09:00:00Z"}
USAGE = {"meter_name": "API calls", "limit": "10000"}


def test_a_card_about_to_expire_says_which_when_and_what_for() -> None:
    mail = write(Occasion.CARD_EXPIRING, **CARD, **RENEWAL, card_exp="12/2026", amount_due="18900")

    assert mail.subject == "Your card expires before your next payment of $189.00"
    assert_both_say(
        mail,
        "Your Visa ending in 4242 is good to the end of 12/2026.",
        "is due after that, on Tuesday, 5 January 2027.",
    )
    assert_both_lead_to(mail, BRAND.billing_url)


def test_a_yearly_renewal_is_announced_with_its_price_and_how_to_cancel() -> None:
    mail = write(Occasion.RENEWAL_AHEAD, **CARD, **RENEWAL, interval="year", amount="214920", amount_due="204920")

    assert mail.subject == "Your Professional subscription renews on 5 January 2027 for $2,049.20"
    assert_both_say(mail, "$2,149.20 a year", "an end of the subscription is yours to choose before that day.")
    assert_both_say(mail, "as things stand today, we will charge $2,049.20 on Tuesday, 5 January 2027.")


@pytest.mark.parametrize(
    ("amount_due", "sentence"),
    [
        ("0", "your credit covers it and nothing is charged on Tuesday, 5 January 2027."),
        ("", "it renews by itself on Tuesday, 5 January 2027, and the invoice tells what was charged."),
    ],
)
def test_a_renewal_with_nothing_due_or_an_unknown_amount_promises_no_charge(amount_due: str, sentence: str) -> None:
    yearly = {**CARD, **RENEWAL, "interval": "year", "amount": "214920", "amount_due": amount_due}
    ahead, expiring = write(Occasion.RENEWAL_AHEAD, **yearly), write(Occasion.CARD_EXPIRING, **yearly, card_exp="12/26")

    assert ahead.subject == "Your Professional subscription renews on 5 January 2027"
    assert_both_say(ahead, sentence)
    assert "we will charge" not in ahead.text
    assert expiring.subject == "Your card expires before your next payment"


BARRED = {**CARD, "has_card": "no", "card_is_barred": "yes"}


@pytest.mark.parametrize("card", [{"has_card": "no"}, BARRED], ids=["none", "declined-for-good"])
@pytest.mark.parametrize("amount_due", ["204920", ""])
def test_a_renewal_that_no_card_can_pay_asks_for_one_and_promises_no_charge(
    card: dict[str, str], amount_due: str
) -> None:
    mail = write(Occasion.RENEWAL_AHEAD, **RENEWAL, **card, amount_due=amount_due)

    assert_both_say(
        mail, "please add a card before Tuesday, 5 January 2027: there is none on file that we could charge."
    )
    for untrue in ("we will charge", "need not do anything", "by itself", "Visa"):
        assert untrue not in mail.text + words(mail.html), untrue


def test_a_renewal_that_credit_covers_asks_for_no_card() -> None:
    mail = write(Occasion.RENEWAL_AHEAD, **RENEWAL, has_card="no", amount_due="0")

    assert_both_say(mail, "you need not do anything: as things stand today, your credit covers it")


def test_an_upgrade_says_what_was_charged_now() -> None:
    mail = write(Occasion.PLAN_CHANGED, **CARD, **BILL, old_plan_name="Starter", due_now="7500")

    assert mail.subject == "You are now on Professional"
    assert_both_say(
        mail,
        "has changed from Starter to Professional.",
        "$75.00 was billed now, for what is left of the current period.",
        "The next bill comes on Tuesday, 5 January 2027; from then on you pay $199.00 a month.",
    )
    assert "credited" not in mail.text.lower()


def test_a_downgrade_says_what_was_credited() -> None:
    mail = write(Occasion.PLAN_CHANGED, old_plan_name="Enterprise", due_now="-40000")

    assert_both_say(mail, "$400.00 is credited to you and taken off your next bills.")
    assert "billed now" not in mail.text.lower()
    assert "-$" not in mail.text


@pytest.mark.parametrize("due", ["0", ""])
def test_a_change_that_costs_nothing_says_so(due: str) -> None:
    mail = write(Occasion.PLAN_CHANGED, old_plan_name="Enterprise", due_now=due)

    assert_both_say(mail, "Nothing was billed for the change.")
    assert "$0.00" not in mail.text


def test_other_seats_are_no_other_plan() -> None:
    mail = write(Occasion.PLAN_CHANGED, old_plan_name="Professional", quantity="3")

    assert mail.subject == "Your Professional subscription has changed"
    assert "Quantity: 3\n" in mail.text
    assert "from Professional to Professional" not in mail.text + words(mail.html)


def test_a_planned_change_says_when_and_that_it_can_be_withdrawn() -> None:
    mail = write(Occasion.PLAN_CHANGE_SCHEDULED, old_plan_name="Enterprise", change_at="2027-01-05T09:00:00Z")

    assert mail.subject == "You will be on Professional from 5 January 2027"
    assert_both_say(
        mail,
        "On Tuesday, 5 January 2027 your subscription to Northwind goes from Enterprise to Professional.",
        "withdraw the change until that day",
    )


def test_a_pause_says_when_it_ends() -> None:
    dated = write(Occasion.PAUSED, resumes_at="2027-02-01T09:00:00Z")
    open_ended = write(Occasion.PAUSED)

    assert_both_say(dated, "goes on by itself on Monday, 1 February 2027", "Your data is safe")
    assert_both_say(open_ended, "It stays paused until you resume it, which you can do at any time.")


def test_the_end_of_a_pause_says_when_the_next_invoice_comes() -> None:
    assert_both_say(
        write(Occasion.RESUMED, **RENEWAL),
        "Your access is back",
        "The next bill comes on Tuesday, 5 January 2027: $199.00 a month.",
    )


def test_the_end_of_a_pause_announces_no_bill_where_the_free_plan_follows() -> None:
    mail = write(Occasion.RESUMED, **RENEWAL, free_plan_name="Free")

    assert_both_say(mail, "You are paid up to Tuesday, 5 January 2027. Then you go on with Free, which costs nothing.")
    assert "next bill" not in mail.text


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ("trial_expired", "Your time with Professional is over. You go on with Free, which costs nothing."),
        ("nonpayment", "Professional has ended because it stayed unpaid. You go on with Free"),
        ("looks like fraud", "Your time with Professional is over."),
    ],
)
def test_a_move_to_the_free_plan_says_what_continues(reason: str, sentence: str) -> None:
    mail = write(Occasion.MOVED_TO_FREE, plan_name="Free", old_plan_name="Professional", reason=reason)

    assert_both_say(mail, sentence, "nothing is charged", "To have Professional back")
    assert "fraud" not in mail.text + mail.html


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        (
            {**BILL, "is_full_refund": "yes"},
            "$50.00: all that you paid with invoice NW-0003 for Professional.",
        ),
        (
            {**BILL, "is_full_refund": "no", "amount_paid": "12503"},
            "$50.00 of the $125.03 that you paid with invoice NW-0003 for Professional.",
        ),
        (
            {**BILL, "is_full_refund": "no"},
            "$50.00 of what you paid with invoice NW-0003 for Professional.",
        ),
        ({"is_full_refund": "no"}, "$50.00 of what you paid for Professional."),
        ({"is_full_refund": "yes"}, "$50.00: all that you paid with your bill for Professional."),
        (
            {**BILL, "is_full_refund": "yes", "refunded_in_all": "12503"},
            "$50.00: the rest of what you paid with invoice NW-0003 for Professional.",
        ),
    ],
)
def test_a_refund_says_how_much_of_which_invoice(facts: dict[str, str], sentence: str) -> None:
    mail = write(Occasion.REFUNDED, refund_amount="5000", **facts)

    assert mail.subject == "We gave you back $50.00"
    assert_both_say(mail, f"We gave you back {sentence}")


def test_a_limit_that_comes_near_says_how_near_and_where_there_is_more() -> None:
    told = {**USAGE, "used": "9000", "percent": "90", "resets_at": "2027-01-01T00:00:00Z"}
    mail = write(Occasion.USAGE_WARNING, **told, has_larger_plan="yes")

    assert mail.subject == "API calls: 90% of your limit used"
    assert_both_say(mail, "9,000 of 10,000", "until the count resets on Friday, 1 January 2027")
    assert_both_say(mail, "A larger plan has room for more.")
    assert "Choose a larger plan: https://app.northwind.example/plans" in mail.text
    assert BRAND.billing_url not in mail.text + mail.html, "a card is not what it takes"


@pytest.mark.parametrize("occasion", [Occasion.USAGE_WARNING, Occasion.USAGE_LIMIT])
@pytest.mark.parametrize("more", [{}, {"resets_at": "2027-01-01T00:00:00Z"}, {"beyond_limit": "free"}])
@pytest.mark.parametrize("locale", ["en", "de"])
def test_customers_on_the_largest_plan_are_offered_no_larger_one(
    occasion: Occasion, more: dict[str, str], locale: str
) -> None:
    told = {**PLAN, **USAGE, "used": "10000", "percent": "100", **more}
    for last in ({"has_larger_plan": "no"}, {}):
        mail = renderer().render(occasion, told | last, a_reader(locale))

        for of_more in ("larger", "größer", "northwind.example/plans", "change your plan"):
            assert of_more not in mail.text + mail.html
    assert ("1 January 2027" in mail.text or "1. Januar 2027" in mail.text) is ("resets_at" in more)


@pytest.mark.parametrize(
    ("locale", "sentence"),
    [("en", "You can change your plan in Northwind."), ("de", "Ihren Tarif können Sie in Northwind ändern.")],
)
def test_without_a_page_to_choose_a_plan_on_the_product_is_named_and_there_is_no_button(
    locale: str, sentence: str
) -> None:
    nowhere = MailRenderer(replace(BRAND, upgrade_url=""))
    told = {**PLAN, **USAGE, "used": "10000", "percent": "100", "has_larger_plan": "yes"}
    for occasion in (Occasion.USAGE_WARNING, Occasion.USAGE_LIMIT):
        mail = nowhere.render(occasion, told, a_reader(locale))

        assert_both_say(mail, sentence)
        assert 'class="button"' not in mail.html
        assert BRAND.billing_url not in mail.text + mail.html


def test_a_reached_limit_says_until_when_usage_is_allowed() -> None:
    at_once = write(Occasion.USAGE_LIMIT, **USAGE, used="10000", percent="100")
    with_grace = write(Occasion.USAGE_LIMIT, **USAGE, used="10312", percent="103", grace_ends_at="2026-12-28T09:00:00Z")

    assert_both_say(at_once, "From now on, further use is turned away.")
    assert_both_say(with_grace, "until Monday, 28 December 2026 at 10:00 CET. After that, further use is turned away.")


def test_grace_that_outlasts_the_period_lasts_until_the_count_resets() -> None:
    reset = {"resets_at": "2027-01-01T00:00:00Z"}
    told = write(Occasion.USAGE_LIMIT, **USAGE, used="100", percent="100", ceiling="110", **reset)

    assert_both_say(
        told, "You can go on beyond the limit, up to 110, until the count resets on Friday, 1 January 2027."
    )
    assert "turned away" not in told.text
    assert told.text.count("the count resets") == 1
    assert "The count resets" not in told.text


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"overage_amount": "100", "overage_units": "1000"}, "is billed: $1.00 for every 1,000."),
        ({"overage_amount": "50", "overage_units": "1"}, "is billed: $0.50 each."),
        ({}, "What you use beyond the limit is billed."),
    ],
)
def test_a_limit_with_overage_says_that_usage_continues_and_at_what_price(facts: dict[str, str], sentence: str) -> None:
    mail = write(Occasion.USAGE_LIMIT, **USAGE, used="10000", percent="100", beyond_limit="billed", **facts)

    assert_both_say(mail, "You can go on.", sentence)
    assert "turned away" not in mail.text


def test_a_warning_says_how_long_usage_may_exceed_the_limit_or_that_it_is_billed() -> None:
    near = {**USAGE, "used": "9000", "percent": "90"}
    with_grace = write(Occasion.USAGE_WARNING, **near, grace_days="7")
    billed = write(Occasion.USAGE_WARNING, **near, beyond_limit="billed")

    assert_both_say(with_grace, "From the moment you reach the limit, you can go on beyond it for 7 days.")
    assert_both_say(billed, "Nothing stops, not at the limit either: what you use beyond it is billed.")


# --- urgency ----------------------------------------------------------------------------------------------

LEVELS = {
    "warning": ("#92400e", "Important", "Wichtig"),
    "urgent": ("#b42318", "Urgent", "Dringend"),
}
LEVEL_OF = {
    "action_required": "warning",
    "action_required-no-invoice": "warning",
    "card_expiring": "warning",
    "card_expiring-amount-unknown": "warning",
    "endpoint_disabled": "warning",
    "endpoint_disabled-of-a-tenant": "warning",
    "moved_to_free-exceeded": "warning",
    "purchase_refused-already-subscribed": "warning",
    "purchase_refused-trial-used": "warning",
    "purchase_refused-plan-gone": "warning",
    "purchase_refused-otherwise": "warning",
    "moved_to_free-for-nonpayment": "warning",
    "payment_failed-access-limited": "urgent",
    "payment_failed-first-try": "warning",
    "payment_failed-last-try": "urgent",
    "payment_failed-no-card": "urgent",
    "payment_failed-no-clear-reason": "warning",
    "payment_failed-no-invoice": "warning",
    "plan_change_scheduled-exceeded": "warning",
    "plan_changed-exceeded": "warning",
    "suspended-by-operator": "urgent",
    "suspended-for-nonpayment": "urgent",
    "suspended-no-card": "urgent",
    "trial_ending-1-days": "urgent",
    "trial_ending-3-days": "warning",
    "trial_ending-to-free": "warning",
    "trial_ending-card-barred": "warning",
    "trial_expired": "warning",
    "trial_expired-card-barred": "warning",
    "usage_limit": "urgent",
    "usage_limit-billed": "warning",
    "usage_limit-billed-each": "warning",
    "usage_limit-largest-plan": "urgent",
    "usage_limit-never-stops": "warning",
    "usage_limit-with-grace": "warning",
    "usage_limit-with-grace-to-the-reset": "warning",
    "usage_warning": "warning",
    "usage_warning-billed": "warning",
    "usage_warning-largest-plan": "warning",
    "usage_warning-never-resets": "warning",
    "usage_warning-with-grace": "warning",
}
"""All others are calm."""


@pytest.mark.parametrize(
    "sample", [each for each in samples() if each.name in LEVEL_OF], ids=lambda sample: sample.name
)
def test_a_pressing_mail_says_so_by_a_word_and_a_colour(sample: Sample) -> None:
    colour, *said = LEVELS[LEVEL_OF[sample.name]]

    for locale, word in zip(("en", "de"), said, strict=True):
        mail = renderer().render(sample.occasion, sample.facts, a_reader(locale))
        shown = re.search(r'<p class="tone" style="([^"]*)"><strong>([^<]*)<', mail.html)
        assert shown is not None
        assert colour in shown[1]
        assert shown[2] == word
        assert mail.text.startswith(f"[{word}] ")


@pytest.mark.parametrize(
    "sample", [each for each in samples() if each.name not in LEVEL_OF], ids=lambda sample: sample.name
)
def test_a_calm_mail_has_neither_a_word_nor_a_colour_for_it(sample: Sample) -> None:
    mail = renderer().render(sample.occasion, sample.facts, a_reader("en"))

    assert 'class="card calm"' in mail.html
    assert 'class="tone"' not in mail.html
    assert not mail.text.startswith("[")


def test_the_urgency_levels_belong_to_existing_samples() -> None:
    assert set(LEVEL_OF) <= {sample.name for sample in samples()}


@pytest.mark.parametrize(("attempt", "level"), [("1", "warning"), ("4", "warning"), ("5", "urgent"), ("6", "urgent")])
def test_the_last_attempts_are_urgent(attempt: str, level: str) -> None:
    mail = write(Occasion.PAYMENT_FAILED, **CARD, attempt=attempt, attempts="6", next_attempt_at="2026-12-08T09:00:00Z")
    assert f'class="card {level}"' in mail.html

"""What customers read: the important sentences, mail by mail."""

import re

import pytest

from domain.notifications.mail_types import Occasion
from domain.provider.payments import NO_CARD
from gateways.mail.samples import samples
from tests.gateways.mails import (
    ATTEMPT,
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


def test_a_trial_starts_without_a_card() -> None:
    mail = write(Occasion.TRIAL_STARTED, trial_ends_at="2026-12-05T17:30:00Z")

    assert mail.subject == "Your Professional trial of Northwind has started"
    assert_both_say(
        mail,
        "Hello Ada Lovelace,",
        "yours to try until Saturday, 5 December 2026 at 18:30 CET",
        "Nothing will be charged, as there is no card on file.",
        "$199.00 a month",
    )


def test_a_trial_that_starts_with_a_card_says_what_will_be_charged_and_how_not() -> None:
    mail = write(Occasion.TRIAL_STARTED, **CARD, trial_ends_at="2026-12-05T17:30:00Z")

    assert_both_say(
        mail,
        "on Saturday, 5 December 2026, we will charge $199.00 to your Visa ending in 4242",
        "If you cancel before that day, you pay nothing.",
    )


def test_a_reminder_says_we_will_charge_when_a_card_is_on_file() -> None:
    mail = write(Occasion.TRIAL_ENDING, **CARD, trial_ends_at="2026-12-05T17:30:00Z", days_left="7")

    assert mail.subject == "7 days left in your Professional trial"
    assert_both_say(
        mail,
        "ends on Saturday, 5 December 2026 at 18:30 CET.",
        "Then we will charge $199.00 to your Visa ending in 4242",
        "cancel before that, and you pay nothing",
    )
    assert "Add a card" not in mail.text + words(mail.html)


def test_a_reminder_asks_for_a_card_when_none_is_on_file() -> None:
    mail = write(Occasion.TRIAL_ENDING, trial_ends_at="2026-12-05T17:30:00Z", days_left="7")

    assert_both_say(mail, "Add a card by then", "Nothing will be charged, and there is nothing to cancel.")
    assert "we will charge" not in mail.text + words(mail.html)


BARRED = {**CARD, "has_card": "no", "card_is_barred": "yes"}


def test_a_reminder_asks_for_another_card_when_the_one_on_file_cannot_be_charged() -> None:
    mail = write(Occasion.TRIAL_ENDING, **BARRED, trial_ends_at="2026-12-05T17:30:00Z", days_left="1")

    assert_both_say(mail, "Your Visa ending in 4242 cannot be charged. Add another card by then", "your access ends on")
    assert 'class="card urgent"' in mail.html
    for untrue in ("we will charge", "need not do anything", "no card on file"):
        assert untrue not in mail.text + words(mail.html)


def test_an_expired_trial_whose_card_cannot_be_charged_says_so() -> None:
    mail = write(Occasion.TRIAL_EXPIRED, **BARRED)

    assert_both_say(mail, "has ended and your Visa ending in 4242 cannot be charged", "Nothing was charged.")
    assert "no card was on file" not in mail.text + words(mail.html)


@pytest.mark.parametrize(
    ("days", "tone", "colour", "subject"),
    [
        ("7", "calm", "", "7 days left in your Professional trial"),
        ("3", "warning", "#92400e", "3 days left in your Professional trial"),
        ("1", "urgent", "#b42318", "Last reminder: 1 day left in your Professional trial"),
        ("0", "urgent", "#b42318", "Last reminder: less than a day left in your Professional trial"),
    ],
)
def test_a_reminder_looks_more_urgent_the_nearer_the_end(days: str, tone: str, colour: str, subject: str) -> None:
    mail = write(Occasion.TRIAL_ENDING, trial_ends_at="2026-12-05T17:30:00Z", days_left=days)

    assert mail.subject == subject
    shown = re.search(r'<p class="tone" style="([^"]*)"', mail.html)
    assert (colour in shown[1]) if shown is not None else not colour
    assert f'class="card {tone}"' in mail.html


def test_an_expired_trial_says_that_the_data_is_safe_and_the_way_back() -> None:
    mail = write(Occasion.TRIAL_EXPIRED, keep_data_until="2027-01-04T17:30:00Z")

    assert mail.subject == "Your Professional trial has ended. Your data is safe"
    assert_both_say(
        mail,
        "Nothing was charged.",
        "Your data is safe: we keep all of it until Monday, 4 January 2027.",
        "To come back, add a card",
    )
    assert_both_lead_to(mail, BRAND.billing_url)


def test_a_conversion_says_what_was_paid_and_when_it_renews() -> None:
    mail = write(Occasion.CONVERTED, **CARD, **BILL)

    assert mail.subject == "Thank you: you are now on Professional"
    assert_both_say(mail, "renews by itself on Tuesday, 5 January 2027", "You can cancel at any time")
    assert "Paid: $199.00\nWith: Visa ending in 4242\nPrice: $199.00 a month\n" in mail.text


def test_a_receipt_has_amount_period_and_invoice() -> None:
    mail = write(Occasion.RECEIPT, **CARD, **BILL)

    assert mail.subject == "Your Northwind receipt: $199.00, invoice NW-0003"
    assert_both_say(
        mail,
        "Your receipt from Northwind",
        "Billed to",
        "Ada Lovelace",
        "Northwind Ltd, 1 Harbour Road, Bristol BS1 4RW, United Kingdom",
        "You are paid up to Tuesday, 5 January 2027.",
    )
    assert mail.text.startswith("Your receipt from Northwind\n\n$199.00\nPaid\n"), "no day of payment is known"
    assert "https://pay.example.com/i/3\n" in mail.text
    assert 'href="https://pay.example.com/i/3"' in mail.html
    assert 'href="https://pay.example.com/i/3.pdf"' in mail.html


def test_a_receipt_has_the_lines_the_tax_and_the_credit_that_make_up_its_amount() -> None:
    (sample,) = (each for each in samples() if each.name == "receipt-itemised")
    mail = renderer().render(sample.occasion, sample.facts, a_reader("en"))

    assert "\n$216.81\nPaid on Saturday, 5 December 2026\n" in mail.text
    assert "Period: 5 December 2026 to 5 January 2027\n" in mail.text
    assert (
        "1 × Professional (at $199.00 / month): $199.00\n"
        "3 × Extra users (at $5.00 / month): $15.00\n"
        "Discount: -$19.90\n"
        "Tax: $36.88\n"
        "Paid from your credit: -$14.17\n"
        "Paid: $216.81\n"
    ) in mail.text
    assert_both_say(mail, "3 × Extra users (at $5.00 / month)", "$36.88", "-$14.17")


def test_a_receipt_whose_lines_are_not_all_known_has_the_total_and_says_the_tax_beside() -> None:
    known = {"invoice_total": "23098", "tax": "3688", "tax_included": "no", "credit_applied": "3198"}
    mail = write(Occasion.RECEIPT, **CARD, **BILL, **known)

    assert "Total of the invoice: $230.98\nPaid from your credit: -$31.98\nPaid: $199.00\n" in mail.text
    assert_both_say(mail, "The total includes $36.88 of tax.")


def test_a_receipt_without_tax_has_no_line_for_it() -> None:
    mail = write(Occasion.RECEIPT, **CARD, **BILL, lines='[["Professional", 19900]]', invoice_total="19900")

    assert "tax" not in mail.text.lower()
    assert "Total" not in mail.text


def test_a_failed_payment_says_which_attempt_why_and_when_the_next_is() -> None:
    mail = write(Occasion.PAYMENT_FAILED, **CARD, **ATTEMPT)

    assert mail.subject == "Your payment of $189.00 did not go through (try 2 of 6)"
    assert_both_say(
        mail,
        "This was try 2 of 6.",
        "There was not enough money on the card at that moment.",
        "We will try this card again on Tuesday, 8 December 2026.",
    )
    assert_both_lead_to(mail, BRAND.billing_url)
    assert "199" not in mail.text, "what the plan costs is not what was to be paid"
    assert 'class="card warning"' in mail.html


@pytest.mark.parametrize(
    ("occasion", "subject", "sentence"),
    [
        (
            Occasion.PAYMENT_FAILED,
            "Your payment for Professional did not go through (try 2 of 6)",
            "We tried to charge your Visa ending in 4242 for Professional ($199.00 a month), but",
        ),
        (
            Occasion.ACTION_REQUIRED,
            "Please confirm your payment for Professional",
            "To pay for Professional ($199.00 a month) with your Visa ending in 4242, your bank",
        ),
        (
            Occasion.SUSPENDED,
            "Your Professional subscription is suspended. Your data is safe",
            "We could not collect your payment for Professional after 2 tries",
        ),
    ],
)
def test_without_an_invoice_no_amount_is_said_to_be_due(occasion: Occasion, subject: str, sentence: str) -> None:
    mail = write(occasion, **(CARD | ATTEMPT | {"amount_due": "", "reason": "nonpayment"}))

    assert mail.subject == subject
    assert_both_say(mail, sentence)


def test_a_failed_payment_promises_no_attempt_when_there_is_none() -> None:
    mail = write(
        Occasion.PAYMENT_FAILED, **(CARD | ATTEMPT | {"next_attempt_at": ""}), cancel_at="2027-01-18T09:00:00Z"
    )

    assert_both_say(
        mail,
        "We will not try this card again.",
        "If it stays unpaid, your subscription ends on Monday, 18 January 2027.",
    )
    assert 'class="card urgent"' in mail.html


@pytest.mark.parametrize(
    ("access", "sentence"),
    [("limited", "Until it is paid, your access is limited."), ("none", "Until it is paid, your access is off.")],
)
def test_a_failed_payment_says_what_it_does_to_access(access: str, sentence: str) -> None:
    mail = write(Occasion.PAYMENT_FAILED, **CARD, **ATTEMPT, access=access)

    assert_both_say(mail, sentence)
    assert 'class="card urgent"' in mail.html


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("expired_card", "The card has expired."),
        ("stolen_card", "Your bank does not accept payments with this card any more."),
        ("generic_decline", "Your bank gave no clear reason. The usual ones:"),
        ("a_code_of_next_year", "Your bank gave no clear reason. The usual ones:"),
        ("", "Your bank gave no clear reason. The usual ones:"),
    ],
)
def test_a_decline_is_explained_in_plain_words(code: str, sentence: str) -> None:
    mail = write(Occasion.PAYMENT_FAILED, **(CARD | ATTEMPT | {"decline_code": code}))

    assert_both_say(mail, sentence)
    assert "stolen" not in mail.text
    assert not code or code not in mail.text + words(mail.html)


@pytest.mark.parametrize("occasion", [Occasion.PAYMENT_FAILED, Occasion.SUSPENDED])
@pytest.mark.parametrize(("locale", "sentence"), [("en", "no card on file"), ("de", "keine Karte hinterlegt")])
def test_where_no_card_is_on_file_none_is_said_to_be_declined(occasion: Occasion, locale: str, sentence: str) -> None:
    none = {"decline_code": NO_CARD, "attempt": "1", "attempts": "6", "reason": "nonpayment"}

    mail = renderer().render(occasion, {**PLAN, **none}, a_reader(locale))

    assert_both_say(mail, sentence)
    for untrue in (
        "declined",
        "try ",
        "tried",
        "Your bank",
        "abgelehnt",
        "dieser Karte",
        "Ihre Bank",
        "Versuch",
        "versucht",
    ):
        assert untrue not in mail.subject + mail.text + words(mail.html)


def test_a_payment_without_a_card_is_due_and_mentions_no_attempt() -> None:
    none = {**CARD, **ATTEMPT, "decline_code": NO_CARD}
    known, unknown = (write(Occasion.PAYMENT_FAILED, **none | more) for more in ({}, {"amount_due": ""}))

    assert known.subject == "Your payment of $189.00 is due, and no card is on file"
    assert_both_say(known, "$189.00 for Professional is due, but there is no card on file that we could charge.")
    assert unknown.subject == "Your payment for Professional is due, and no card is on file"
    assert_both_say(unknown, "Your payment for Professional is due, but there is no card on file")
    for mail in (known, unknown):
        assert "Visa" not in mail.text
        assert "We will" not in mail.text, "no retry is promised"


def test_a_payment_to_confirm_leads_to_the_bank() -> None:
    mail = write(Occasion.ACTION_REQUIRED, **CARD, action_url="https://pay.example.com/confirm/1", amount_due="18900")

    assert mail.subject == "Please confirm your payment of $189.00"
    assert_both_say(mail, "Once you have confirmed it, the payment goes through")
    assert "Confirm the payment: https://pay.example.com/confirm/1" in mail.text


def test_a_payment_to_confirm_leads_to_the_billing_page_when_the_bank_gave_no_link() -> None:
    mail = write(Occasion.ACTION_REQUIRED, **CARD)

    assert f"Pay now: {BRAND.billing_url}" in mail.text
    assert "Pay now" in words(mail.html)


def test_a_suspension_for_nonpayment_says_how_to_come_back_and_until_when() -> None:
    mail = write(
        Occasion.SUSPENDED, **(CARD | ATTEMPT | {"next_attempt_at": ""}), keep_data_until="2027-01-18T09:00:00Z"
    )

    assert_both_say(
        mail,
        "We could not collect $189.00 for Professional after 2 tries, so your access is off for now.",
        "Your data is safe: we keep all of it until Monday, 18 January 2027.",
        "To come back, add a card. We charge what is open at once, and your access is back.",
        "If you do nothing, your subscription ends on Monday, 18 January 2027.",
    )


def test_an_operators_reason_is_kept_from_the_customer() -> None:
    suspended = write(Occasion.SUSPENDED, reason="looks like fraud")
    canceled = write(Occasion.CANCELED, canceled_reason="abusive tone")

    assert_both_say(suspended, "switched off by our team", "Write to help@northwind.example")
    assert "fraud" not in suspended.text + suspended.html
    assert "abusive" not in canceled.text + canceled.html


def test_a_reactivation_by_payment_thanks_for_it() -> None:
    mail = write(Occasion.REACTIVATED, **CARD, **BILL)

    assert_both_say(mail, "We received your payment of $199.00", "You are paid up to Tuesday, 5 January 2027.")


def test_a_reactivation_without_a_payment_claims_none() -> None:
    mail = write(Occasion.REACTIVATED, **CARD, reason="goodwill")

    assert_both_say(mail, "Your access to Professional is back")
    assert "payment of" not in mail.text + mail.html


PROMISES = ("active again", "is back", "Welcome back", "renews on that day", "need not do anything", "we will charge")
END = "2027-01-05T09:00:00Z"


@pytest.mark.parametrize(
    ("facts", "sentences", "kept"),
    [
        pytest.param(
            {"status": "paused", "access": "none", "resumes_at": "2027-02-01T09:00:00Z"},
            ("It is paused, as it was before", "your access is off", "goes on by itself on Monday, 1 February 2027"),
            (),
            id="paused",
        ),
        pytest.param(
            {"status": "paused", "access": "none", "disputed": "yes"},
            ("It is paused, as it was before", "A payment is disputed with your bank."),
            (),
            id="paused-and-disputed",
        ),
        pytest.param(
            {"status": "past_due", "amount_due": "18900"},
            ("Your payment of $189.00 for Professional is still open.", "Pay now"),
            ("active again", "is back", "Welcome back"),
            id="owing",
        ),
        pytest.param(
            {"status": "past_due", "access": "limited"},
            ("Your payment for Professional is still open.", "Until it is paid, your access is limited."),
            (),
            id="owing-with-limits",
        ),
        pytest.param(
            {"status": "active", "access": "limited", "disputed": "yes", "period_end": END},
            ("Nothing is billed until your bank has decided.", "Until then, your access is limited."),
            (),
            id="disputed",
        ),
        pytest.param(
            {"status": "trialing", "trial_ends_at": END, "cancel_at": END},
            ("Then your subscription ends, as planned, and nothing is charged.",),
            ("active again", "is back", "Welcome back"),
            id="trial-to-end",
        ),
        pytest.param(
            {"status": "active", "period_end": END, "cancel_at": END},
            ("ends on Tuesday, 5 January 2027, as planned, and does not renew.",),
            ("active again", "is back", "Welcome back"),
            id="to-end",
        ),
        pytest.param(
            {"status": "active", "renews_at": END},
            ("so a new period begins now. We charge your Visa ending in 4242: $199.00 a month.",),
            ("active again", "is back", "Welcome back"),
            id="new-period",
        ),
        pytest.param(
            {"status": "active", "period_end": END, "free_plan_name": "Free"},
            ("You are paid up to Tuesday, 5 January 2027. Then you go on with Free, which costs nothing.",),
            ("active again", "is back", "Welcome back"),
            id="to-free",
        ),
    ],
)
def test_a_reactivation_promises_only_what_will_be(
    facts: dict[str, str], sentences: tuple[str, ...], kept: tuple[str, ...]
) -> None:
    mail = write(Occasion.REACTIVATED, **(CARD | {"interval": "month"} | facts))

    assert_both_say(mail, *sentences)
    for promise in set(PROMISES) - set(kept):
        assert promise not in mail.subject + mail.text + words(mail.html)


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ("nonpayment", "Northwind has ended because it stayed unpaid."),
        ("trial_expired", "Northwind has ended because no card was added after the trial."),
        ("too expensive", "Northwind has ended. Thank you"),
    ],
)
def test_an_end_says_that_nothing_more_is_charged(reason: str, sentence: str) -> None:
    assert_both_say(write(Occasion.CANCELED, canceled_reason=reason), sentence, "Nothing will be charged any more")


def test_a_planned_end_says_when_and_how_to_undo_it() -> None:
    mail = write(Occasion.CANCELLATION_SCHEDULED, cancel_at="2027-01-05T09:00:00Z")

    assert mail.subject == "Your Professional subscription will end on 5 January 2027"
    assert_both_say(
        mail,
        "ends on Tuesday, 5 January 2027 at 10:00 CET",
        "You will not be charged again.",
        "keep your subscription until that day: the cancellation is undone",
    )


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"ends_pause": "yes"}, "The pause is over: your access is back"),
        ({"ends_pause": "yes", "access": "limited"}, "Until then, your access is limited."),
        ({"ends_pause": "yes", "access": "none"}, "Until then, your access is off."),
        ({"replaced_plan_name": "Starter"}, "The planned change to Starter does not take place."),
    ],
    ids=["paused", "disputed", "disputed-off", "planned-change"],
)
def test_a_planned_end_that_changes_something_at_once_says_so(facts: dict[str, str], sentence: str) -> None:
    mail = write(Occasion.CANCELLATION_SCHEDULED, cancel_at="2027-01-05T09:00:00Z", **facts)

    assert_both_say(mail, sentence)
    assert "all stays as it is" not in mail.text + words(mail.html)
    assert ("your access is back" in mail.text) is (facts == {"ends_pause": "yes"})


@pytest.mark.parametrize("occasion", [Occasion.CANCELED, Occasion.CANCELLATION_SCHEDULED])
@pytest.mark.parametrize(("locale", "exception"), [("en", "beyond your limit"), ("de", "über Ihr Limit hinaus")])
def test_an_end_excepts_what_is_used_beyond_the_limit(occasion: Occasion, locale: str, exception: str) -> None:
    facts = {**PLAN, "cancel_at": "2027-01-05T09:00:00Z"}
    plain, billed = (
        renderer().render(occasion, facts | more, a_reader(locale)) for more in ({}, {"bills_overage": "yes"})
    )

    assert exception in words(billed.html)
    assert exception in " ".join(billed.text.split())
    assert exception not in plain.text + plain.html

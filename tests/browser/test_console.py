"""Operators at work in the console."""

from sandbox.stack import Stack
from storage.access.operators import OperatorRole
from tests.browser.conftest import Arrive
from tests.browser.customers import PAYING, Begin
from tests.browser.operators import signs_in
from tests.harness.lives import A_MOMENT


async def test_an_operator_signs_in_by_a_mailed_link_and_out_again(arrive: Arrive, stack: Stack) -> None:
    visitor = await arrive()

    await visitor.opens("/console")
    await visitor.sees_here("console sign-in", "Have a link sent to your address")
    email = await signs_in(visitor, stack)
    await visitor.sees_here("console inbox", "Inbox", "Trials ending today", email)
    await visitor.presses("Operators", role="link")
    await visitor.sees_here("console operators", email, "Add an operator")
    await visitor.presses("Audit", role="link")
    await visitor.sees_here("console audit", "signIn", email)
    await visitor.presses("Sign out")
    await visitor.sees_here("console signed out", "Have a link sent to your address")


async def test_an_operator_finds_a_trial_extends_it_and_the_audit_says_who_and_why(
    arrive: Arrive, customer: Begin, stack: Stack
) -> None:
    visitor, life = await arrive(), await customer()
    email = await signs_in(visitor, stack, OperatorRole.OPERATOR)

    await visitor.presses("Subscriptions", role="link")
    await visitor.writes("Address, name or id", life.external_id[5:])
    await visitor.presses("Show")
    await visitor.sees_here("console subscriptions", f"{life.external_id}@example.com", "trialing")
    await visitor.presses(f"{life.external_id}@example.com", role="link")
    await visitor.sees_here("console trial", "What happens next", "send reminder", "Timeline")
    await visitor.presses("Extend the trial", role="link")
    await visitor.sees_here("console extend", "The trial then ends this number of days later")
    await visitor.presses("Extend the trial")
    await visitor.sees_here("console extend without a reason", "Say why")
    await visitor.writes("Days", "10")
    await visitor.writes("Why?", "a holiday")
    await visitor.presses("Extend the trial")
    await visitor.reads("a holiday")
    await visitor.presses("Audit of this subscription", role="link")
    await visitor.sees_here("console audit of a subscription", "extendTrial", "a holiday", email)


async def test_an_operator_refunds_in_part_suspends_and_looks_as_the_customer_does(
    arrive: Arrive, customer: Begin, stack: Stack
) -> None:
    visitor, life = await arrive(), await customer(**PAYING)
    await signs_in(visitor, stack)

    await visitor.opens(f"/console/subscriptions/{life.id}")
    await visitor.sees_here("console paid", "MRR", "Invoices", "Card")
    await visitor.presses("Change the plan", role="link")
    await visitor.sees_here("console plan change", "Nothing changes before you have seen what it costs")
    await visitor.chooses("plan", "professional/month")
    await visitor.presses("See what it costs")
    await visitor.sees_here("console plan change preview", "Due now", "$150.00")
    await visitor.opens(f"/console/subscriptions/{life.id}")
    await visitor.presses("Refund", role="link")
    await visitor.writes("Amount", "12.50")
    await visitor.writes("Why?", "a day of downtime")
    await visitor.sees_here("console refund", "$49.00 left of $49.00")
    await visitor.presses("Refund")
    await life.live(A_MOMENT)
    await visitor.opens(f"/console/subscriptions/{life.id}/suspend")
    await visitor.sees_here("console suspend", "Access ends at once")
    await visitor.writes("Why?", "chargeback under investigation")
    await visitor.presses("Suspend")
    await visitor.sees_here("console suspended", "chargeback under investigation")
    await visitor.presses("Their billing page, as they see it", role="link")
    await visitor.sees_here("console as they see it", "Nothing on it can be pressed", "Starter")
    await visitor.opens(f"/console/customers/{life.external_id}")
    await visitor.sees_here("console customer", "Contact", "Invoices", "$49.00")
    await visitor.presses("Change the contact", role="link")
    await visitor.sees_here("console contact", "Mails go to the new address")
    await visitor.opens("/console/customers")
    await visitor.sees_here("console customers", "Customers", life.external_id)
    mail = visitor.page.get_by_role("link", name="Mail refunded: sent", exact=True)
    await visitor.opens(f"/console/subscriptions/{life.id}")
    await mail.first.click()
    await visitor.sees_here("console mail", "Message-ID", "What it says")


async def test_a_command_is_given_by_the_keyboard_alone(arrive: Arrive, customer: Begin, stack: Stack) -> None:
    visitor, life = await arrive(), await customer(**PAYING)
    await signs_in(visitor, stack)
    await visitor.page.set_viewport_size({"width": 320, "height": 480})

    await visitor.opens(f"/console/subscriptions/{life.id}")
    await visitor.types("Suspend", role="link")
    await visitor.tabs_to("Why?", role="textbox")
    await visitor.page.keyboard.type("a chargeback")
    await visitor.types("Suspend")
    assert await life.status() == ("suspended", "none")
    await visitor.types("Reactivate", role="link")
    await visitor.tabs_to("Why?", role="textbox")
    await visitor.page.keyboard.type("it was cleared")
    await visitor.types("Reactivate")
    assert await life.status() == ("active", "full")

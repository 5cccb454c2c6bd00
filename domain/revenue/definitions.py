"""What every figure means: one text each, for answers, pages and documentation alike."""

from collections.abc import Mapping

REVENUE: Mapping[str, str] = {
    "mrr": "the list prices of all subscriptions that are active or past due, with their add-ons, of a month; a yearly"
    " price counts a twelfth. Without overage, tax that is added, and discounts made at the payment provider.",
    "arr": "the same of a year: exact, while mrr is a twelfth of it, rounded",
    "committed": "mrr without subscriptions that are set to end",
    "at_risk": "the part of mrr whose payment is being recovered",
    "paused": "what pauses have taken out of mrr",
    "trialing": "what running trials would add if all of them converted",
}

CUSTOMERS: Mapping[str, str] = {
    "customers": "paying customers: those with a subscription that counts towards mrr",
    "free_customers": "customers on the free plan",
    "trialing_customers": "customers with a running trial",
}

GROWTH: Mapping[str, str] = {
    "net_new": "mrr at the end of the month less that at its start",
    "growth": "net_new divided by mrr at the start of the month; null if there was none",
    "quick_ratio": "new plus expansion, divided by contraction plus churn, of the month; null if nothing was lost",
    "arpu": "mrr divided by the number of paying customers; null if there are none",
    "ltv": "arpu divided by the mean logo churn of those of the last three full months that began with a paying"
    " customer; null if nobody pays, there is no such month, or nobody has left: ltv_missing says which",
}

MOVEMENTS: Mapping[str, str] = {
    "new": "customers who pay for the first time",
    "expansion": "more from customers who pay: another plan or interval, quantity, add-ons",
    "contraction": "less from customers who go on paying",
    "churn": "customers who no longer pay, when it ends: ended, suspended, or moved to the free plan",
    "reactivation": "customers who had paid before and pay again",
    "pause": "paused by the customer: not churn",
    "resume": "back from a pause, also to end",
    "opening": "there before movements were recorded, or taken over from the payment provider",
    "entering": "changes from other plans or billing intervals to this one; of customers, also to its currency",
    "leaving": "changes from this plan or billing interval to others; of customers, also to another currency",
}

CHURN: Mapping[str, str] = {
    "logo_churn": "customers who churned, each counted once, divided by customers at the start of the period",
    "gross_revenue_churn": "churn plus contraction, divided by mrr at the start of the period",
    "net_revenue_churn": "the same less expansion: negative if that was more. Reactivation is not in it.",
    "grr": "gross revenue retention: 1 less gross_revenue_churn",
    "nrr": "net revenue retention: 1 less net_revenue_churn",
    "voluntary": "churn by the customer, at once or at the end of a period",
    "involuntary": "churn by a payment that failed, or was taken back by a bank",
    "operator": "churn by an operator: canceled or suspended",
    "other": "churn at the payment provider, by a refund, or for a reason that is not known",
}

TRIALS: Mapping[str, str] = {
    "started": "trials that began in the period",
    "running": "trials that run at the end of the period",
    "ended": "trials that ended in the period, whenever they began",
    "converted": "of these, those that were paid for, also later",
    "conversion": "converted divided by ended: never above 1, as both count the same trials",
    "expired": "of those that ended: nothing was paid, as there was no card",
    "canceled": "of those that ended: canceled during the trial",
    "free": "of those that ended: continued on the free plan",
    "declined": "of those that ended: the first payment was declined, and has not been made since",
    "with_card": "of trials with a card on file when they began; of trials from before this was kept, it is not known",
    "without_card": "of trials without a card on file when they began",
    "days_to_convert": "days from the start of a trial to its first payment, of those that converted",
}

RECOVERY: Mapping[str, str] = {
    "recovered": "failed payments that were made after all, by the period in which they failed first",
    "lost": "failed payments whose subscription ended unpaid",
    "open": "failed payments of which neither is known yet: in no rate",
    "waived": "failed payments that are no longer owed: voided at the payment provider, or forgiven by an operator; in"
    " no rate",
    "recovery_rate": "recovered divided by (recovered plus lost), counted in payments",
    "recovery_amount_rate": "the same, counted in the amounts owed, tax included",
    "first_payments": "the same of customers who had not paid before; they are in no other figure of recovery",
}

CANCELLATIONS: Mapping[str, str] = {
    "asked": "cancellations that customers asked for in the period: each request, also of the same customer",
    "undone": "of these, those that were undone before they took effect",
    "undone_by": "what was taken instead, until the subscription would have ended: nothing, a pause, or another plan",
    "in_effect": "of those asked: the subscription has ended",
    "pending": "of those asked: the subscription is set to end",
    "save_rate": "undone divided by (undone plus in_effect)",
    "by_operators": "cancellations by operators: in no other figure of cancellations",
    "reasons": "the customer's reason, one of eight fixed codes; none: the customer did not say",
}

USERS = (
    "customers for whom some of it was counted in their current period, also if all was given back; of what has no"
    " period, ever. Who has not begun to use it in this period is in no figure of it"
)
"""`customers` of usage: elsewhere the name is of those who pay."""
USAGE: Mapping[str, str] = {
    "active": "of these customers: who have used some of it in their current period",
    "used": "what all customers have used of it in their current periods, together",
    "median": "half of these customers have used this much or less",
    "p90": "nine of ten of these customers have used this much or less",
    "highest": "what one customer has used at most",
    "limited": "of these customers: who have a limit; others, and who has not begun to use it in the current period,"
    " are in no share",
    "share_at_80": "of those with a limit who have begun to use it in this period: at 80 % of it, or beyond",
    "share_at_90": "of the same: at 90 % of it, or beyond",
    "share_at_100": "of the same: at all of it, or beyond",
}

COHORTS: Mapping[str, str] = {
    "cohort": "customers who first paid in this month, in any of their subscriptions in this currency, with what they"
    " paid at first; an import counts as the month in which it was taken over",
    "customer_retention": "customers of the cohort who pay at the end of the month, divided by all customers of"
    " the cohort",
    "revenue_retention": "their mrr at the end of the month, divided by what they began with, whatever plan they are"
    " on: more than 1 if they have grown",
}

SECTIONS: Mapping[str, Mapping[str, str]] = {
    "Revenue": REVENUE,
    "Customers": CUSTOMERS,
    "Growth": GROWTH,
    "Movements": MOVEMENTS,
    "Churn": CHURN,
    "Cohorts": COHORTS,
    "Trials": TRIALS,
    "Recovery": RECOVERY,
    "Cancellations": CANCELLATIONS,
    "Usage": USAGE,
}
"""All of them, in the order in which documentation shows them."""


def definitions(*names: str) -> dict[str, str]:
    """Returns the definitions of the figures of these names, in their order.

    Raises:
        KeyError: there is no such figure.
    """
    known = {name: text for section in SECTIONS.values() for name, text in section.items()}
    return {name: known[name] for name in names}

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
    "customers": "who pay: each of a subscription that counts in mrr",
    "free_customers": "who use the free plan",
    "trialing_customers": "whose trial runs",
}

GROWTH: Mapping[str, str] = {
    "net_new": "mrr at the end of the month less that at its start",
    "growth": "net_new by mrr at the start of the month; null if there was none",
    "quick_ratio": "new and expansion by contraction and churn of the month; null if nothing was lost",
    "arpu": "mrr by customers who pay; null if nobody does",
    "ltv": "arpu by the mean logo churn of the last three full months, of those in which somebody paid at the start;"
    " null if there is none, or nobody has left: ltv_missing says which",
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
    "entering": "changes from other plans to this one",
    "leaving": "changes from this plan to others",
}

SECTIONS: Mapping[str, Mapping[str, str]] = {
    "Revenue": REVENUE,
    "Customers": CUSTOMERS,
    "Growth": GROWTH,
    "Movements": MOVEMENTS,
}
"""All of them, in the order in which documentation shows them."""


def definitions(*names: str) -> dict[str, str]:
    """Returns the definitions of the figures of these names, in their order.

    Raises:
        KeyError: there is no such figure.
    """
    known = {name: text for section in SECTIONS.values() for name, text in section.items()}
    return {name: known[name] for name in names}

"""Customers, as far as the rules need to know them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Contact:
    """Who a customer is. Never put this into a workflow's history."""

    customer: str
    external_id: str
    email: str
    name: str | None
    timezone: str
    locale: str
    customer_ref: str
    """Their id at the payment provider; empty until there is one."""

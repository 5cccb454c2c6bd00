"""Checks what a key may do at Stripe, without doing anything."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import stripe

UNKNOWN_ID = "tenuredoctor"
"""Part of ids that do not exist at Stripe: a call fails for that reason, or because a permission is missing."""

Ask = Callable[[stripe.StripeClient], Awaitable[object]]


@dataclass(frozen=True)
class Permission:
    """One row of the table in docs/stripe.md."""

    resource: str
    access: str
    ask: Ask

    @property
    def words(self) -> str:
        return f"{self.resource}: {self.access}"


PERMISSIONS: Sequence[Permission] = (
    Permission("Customers", "Write", lambda api: api.v1.customers.update_async(f"cus_{UNKNOWN_ID}")),
    Permission(
        "PaymentMethods",
        "Write",
        lambda api: api.v1.payment_methods.attach_async(f"pm_{UNKNOWN_ID}", {"customer": f"cus_{UNKNOWN_ID}"}),
    ),
    Permission("SetupIntents", "Read", lambda api: api.v1.setup_intents.retrieve_async(f"seti_{UNKNOWN_ID}")),
    Permission(
        "Checkout Sessions", "Write", lambda api: api.v1.checkout.sessions.expire_async(f"cs_test_{UNKNOWN_ID}")
    ),
    Permission(
        "Customer portal",
        "Write",
        lambda api: api.v1.billing_portal.sessions.create_async({"customer": f"cus_{UNKNOWN_ID}"}),
    ),
    Permission("Subscriptions", "Write", lambda api: api.v1.subscriptions.update_async(f"sub_{UNKNOWN_ID}")),
    Permission("Subscriptions", "Read", lambda api: api.v1.subscriptions.list_async({"limit": 1})),
    Permission("Invoices", "Write", lambda api: api.v1.invoices.void_invoice_async(f"in_{UNKNOWN_ID}")),
    Permission("Charges and refunds", "Write", lambda api: api.v1.refunds.create_async({"charge": f"ch_{UNKNOWN_ID}"})),
    Permission("Disputes", "Read", lambda api: api.v1.disputes.retrieve_async(f"du_{UNKNOWN_ID}")),
    Permission("PaymentIntents", "Read", lambda api: api.v1.payment_intents.retrieve_async(f"pi_{UNKNOWN_ID}")),
    Permission("Prices", "Read", lambda api: api.v1.prices.list_async({"limit": 1})),
    Permission("Products", "Read", lambda api: api.v1.products.list_async({"limit": 1})),
    Permission("Events", "Read", lambda api: api.v1.events.list_async({"limit": 1})),
)
"""Everything that the worker, the API and the commands call at Stripe."""

FOR_OVERAGE: Sequence[Permission] = (
    Permission(
        "Billing meter events",
        "Write",
        lambda api: api.v1.billing.meter_events.create_async(
            {
                "event_name": UNKNOWN_ID,
                "payload": {"stripe_customer_id": f"cus_{UNKNOWN_ID}", "value": "0"},
                # In the 1970s: whatever else Stripe checks, it accepts no event that old.
                "timestamp": 1,
            }
        ),
    ),
    Permission("Billing meters", "Read", lambda api: api.v1.billing.meters.list_async({"limit": 1})),
    Permission(
        "Invoice items",
        "Write",
        lambda api: api.v1.invoice_items.create_async(
            {"customer": f"cus_{UNKNOWN_ID}", "subscription": f"sub_{UNKNOWN_ID}", "amount": 1, "currency": "usd"}
        ),
    ),
)
"""Needed in addition where plans have overage."""


async def missing(client: stripe.StripeClient, *, with_overage: bool = False) -> list[str]:
    """The permissions that the key lacks.

    Raises:
        stripe.StripeError: the key is invalid, or Stripe does not answer.
    """
    asked = [*PERMISSIONS, *(FOR_OVERAGE if with_overage else ())]
    answers = await asyncio.gather(*(_may(client, each) for each in asked))
    lacking = [each.words for each, may in zip(asked, answers, strict=True) if not may]
    # Write includes Read.
    return [words for words in lacking if words.replace("Read", "Write") not in lacking or words.endswith("Write")]


async def _may(client: stripe.StripeClient, permission: Permission) -> bool:
    try:
        await permission.ask(client)
    except stripe.PermissionError:
        return False
    except stripe.InvalidRequestError:
        return True
    return True

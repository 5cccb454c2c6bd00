"""What a key may do at Stripe, found out without doing anything."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import stripe

NOBODY = "tenuredoctor"
"""Part of ids that nothing at Stripe has: a call about them is refused for that, or because a permission is missing."""

Ask = Callable[[stripe.StripeClient], Awaitable[object]]


@dataclass(frozen=True)
class Permission:
    """One line of the table in docs/stripe.md."""

    resource: str
    access: str
    ask: Ask

    @property
    def words(self) -> str:
        return f"{self.resource}: {self.access}"


PERMISSIONS: Sequence[Permission] = (
    Permission("Customers", "Write", lambda api: api.v1.customers.update_async(f"cus_{NOBODY}")),
    Permission(
        "PaymentMethods",
        "Write",
        lambda api: api.v1.payment_methods.attach_async(f"pm_{NOBODY}", {"customer": f"cus_{NOBODY}"}),
    ),
    Permission("SetupIntents", "Read", lambda api: api.v1.setup_intents.retrieve_async(f"seti_{NOBODY}")),
    Permission("Checkout Sessions", "Write", lambda api: api.v1.checkout.sessions.expire_async(f"cs_test_{NOBODY}")),
    Permission(
        "Customer portal",
        "Write",
        lambda api: api.v1.billing_portal.sessions.create_async({"customer": f"cus_{NOBODY}"}),
    ),
    Permission("Subscriptions", "Write", lambda api: api.v1.subscriptions.update_async(f"sub_{NOBODY}")),
    Permission("Subscriptions", "Read", lambda api: api.v1.subscriptions.list_async({"limit": 1})),
    Permission("Invoices", "Write", lambda api: api.v1.invoices.void_invoice_async(f"in_{NOBODY}")),
    Permission("Charges and refunds", "Read", lambda api: api.v1.charges.retrieve_async(f"ch_{NOBODY}")),
    Permission("Disputes", "Read", lambda api: api.v1.disputes.retrieve_async(f"du_{NOBODY}")),
    Permission("PaymentIntents", "Read", lambda api: api.v1.payment_intents.retrieve_async(f"pi_{NOBODY}")),
    Permission("Prices", "Read", lambda api: api.v1.prices.list_async({"limit": 1})),
    Permission("Products", "Read", lambda api: api.v1.products.list_async({"limit": 1})),
    Permission("Events", "Read", lambda api: api.v1.events.list_async({"limit": 1})),
)
"""All that the worker, the API and the commands ask of Stripe."""

FOR_OVERAGE: Sequence[Permission] = (
    Permission(
        "Billing meter events",
        "Write",
        lambda api: api.v1.billing.meter_events.create_async(
            {
                "event_name": NOBODY,
                "payload": {"stripe_customer_id": f"cus_{NOBODY}", "value": "0"},
                # In the seventies: whatever else Stripe looks at, it takes no event of then.
                "timestamp": 1,
            }
        ),
    ),
    Permission("Billing meters", "Read", lambda api: api.v1.billing.meters.list_async({"limit": 1})),
    Permission(
        "Invoice items",
        "Write",
        lambda api: api.v1.invoice_items.create_async(
            {"customer": f"cus_{NOBODY}", "subscription": f"sub_{NOBODY}", "amount": 1, "currency": "usd"}
        ),
    ),
)
"""What is asked besides where plans have overage."""


async def missing(client: stripe.StripeClient, *, with_overage: bool = False) -> list[str]:
    """The permissions that the key lacks, in words.

    Raises:
        stripe.StripeError: the key is none at all, or Stripe does not answer.
    """
    asked = [*PERMISSIONS, *(FOR_OVERAGE if with_overage else ())]
    answers = await asyncio.gather(*(_may(client, each) for each in asked))
    lacking = [each.words for each, may in zip(asked, answers, strict=True) if not may]
    # Who may write may read.
    return [words for words in lacking if words.replace("Read", "Write") not in lacking or words.endswith("Write")]


async def _may(client: stripe.StripeClient, permission: Permission) -> bool:
    try:
        await permission.ask(client)
    except stripe.PermissionError:
        return False
    except stripe.InvalidRequestError:
        return True
    return True

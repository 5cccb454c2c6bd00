"""What operators do; it requires an API key of role `operator` or `admin`.

Each operation is defined once here; `Tenure` and `AsyncTenure` have it as a method of the same name, without `core`.
"""

from tenure.client.audit import Note
from tenure.client.core import Core, Steps
from tenure.client.reports import CustomerExport, Erasure, UsageStatistics
from tenure.client.requests import Call, body_of, of_customer
from tenure.client.subscriptions import Subscription
from tenure.client.targets import Target, ask_about, command


def extend_trial(
    core: Core, subscription: Target, days: int, reason: str, *, key: str | None = None
) -> Steps[Subscription]:
    """Extend a trial; reminders move with its end."""
    return command(core, subscription, "extend-trial", key, days=days, reason=reason)


def suspend(core: Core, subscription: Target, reason: str, *, key: str | None = None) -> Steps[Subscription]:
    """Suspend a subscription: the customer has no access until it is reactivated."""
    return command(core, subscription, "suspend", key, reason=reason)


def reactivate(core: Core, subscription: Target, reason: str, *, key: str | None = None) -> Steps[Subscription]:
    """Reactivate a suspended subscription."""
    return command(core, subscription, "reactivate", key, reason=reason)


def refund(
    core: Core,
    subscription: Target,
    invoice: str,
    reason: str,
    *,
    amount: int | None = None,
    key: str | None = None,
) -> Steps[Subscription]:
    """Refund *amount* of an invoice, in minor units, or all that is left; also of a subscription that has ended.

    Raises:
        Conflict: code `over_refund` if less is left, `payment_disputed` if the bank decides.
        Unauthorized: code `refund_limit`: only admins refund so much at once.
        NotFound: it is no invoice of the subscription.

    """
    return command(core, subscription, "refund", key, invoice=invoice, amount=amount, reason=reason)


def note(core: Core, subscription: Target, text: str, *, key: str | None = None) -> Steps[Note]:
    """Keep a note about a subscription, of up to 2,000 characters; `audit` lists it, as action `addNote`."""
    return ask_about(core, subscription, "note", Note, key, text=text)


def renew_links(core: Core, subscription: Target, *, key: str | None = None) -> Steps[Subscription]:
    """Revoke the links in earlier mails, for a mail that reached the wrong person; links in later mails work."""
    return command(core, subscription, "renew-links", key)


def export_customer(core: Core, customer: str) -> Steps[CustomerExport]:
    """Return everything that is stored about a customer.

    Raises:
        NotFound: there is no such customer.
    """
    return core.ask(Call("GET", of_customer(customer, "export"), CustomerExport))


def erase_customer(
    core: Core, customer: str, *, reason: str | None = None, cancel: bool | None = None
) -> Steps[Erasure]:
    """Erase a customer's data, which cannot be undone; invoices and figures stay. Requires a key of role `admin`.

    Args:
        core: the client's core.
        customer: their external id.
        reason: for the audit, which keeps it: name nobody.
        cancel: cancel a live subscription at once.

    Raises:
        Conflict: code `live_subscription`, without *cancel*.
        NotFound: there never was such a customer.

    """
    query = body_of(reason=reason, cancel="true" if cancel else None)
    erased = yield from core.ask(Call("DELETE", of_customer(customer), Erasure, query=query, takes_time=True))
    core.memory.forget(customer)
    return erased


def usage_statistics(core: Core) -> Steps[UsageStatistics]:
    """Return usage by plan and feature; keys of role `read_only` may, too."""
    return core.ask(Call("GET", "/v1/usage/statistics", UsageStatistics))

"""The payment provider on Stripe, put together from its components. For the setup see docs/stripe.md."""

import stripe

from domain.provider.ports import Provider
from gateways.stripe.agreements import StripeAgreements
from gateways.stripe.billing import StripeBilling, StripeInvoices
from gateways.stripe.cards import StripeCards
from gateways.stripe.carried_usage import StripeCarriedUsage
from gateways.stripe.charges import StripeCharges
from gateways.stripe.confirmations import StripeConfirmations
from gateways.stripe.customers import StripeCustomers
from gateways.stripe.event_history import StripeEventHistory
from gateways.stripe.handover import StripeHandover
from gateways.stripe.items import StripeItems
from gateways.stripe.one_off_changes import StripeOneOffChanges
from gateways.stripe.one_off_invoices import StripeOneOffInvoices
from gateways.stripe.own_proration import StripeOwnProration
from gateways.stripe.owners import StripeOwners
from gateways.stripe.pending_changes import StripePendingChanges
from gateways.stripe.plan_changes import StripePlanChanges
from gateways.stripe.purchases import StripePurchases
from gateways.stripe.quotes import StripeQuotes
from gateways.stripe.refunds import StripeRefunds
from gateways.stripe.reversals import StripeReversals
from gateways.stripe.unapplied_changes import StripeUnappliedChanges
from gateways.stripe.usage import StripeUsage


def stripe_provider(client: stripe.StripeClient) -> Provider:
    """The ports of the payment provider on one Stripe account."""
    items, invoices, cards = StripeItems(client), StripeInvoices(client), StripeCards(client)
    carried_usage, reversals = StripeCarriedUsage(client), StripeReversals(client, invoices)
    confirmations = StripeConfirmations(client, invoices)
    pending = StripePendingChanges(client, invoices, confirmations)
    unapplied = StripeUnappliedChanges(client, invoices)
    own_proration = StripeOwnProration(client, items, invoices, unapplied)
    one_off_invoices = StripeOneOffInvoices(client, invoices)
    one_off_changes = StripeOneOffChanges(client, items, invoices, one_off_invoices, unapplied, own_proration)
    changes = StripePlanChanges(client, items, invoices, pending, unapplied, own_proration, one_off_changes)
    return Provider(
        wallets=cards,
        contacts=StripeCustomers(client),
        purchases=StripePurchases(client, items, invoices, reversals),
        charges=StripeCharges(client, items, invoices, carried_usage),
        changes=changes,
        quotes=StripeQuotes(client, items, unapplied, own_proration),
        confirmations=confirmations,
        billing=StripeBilling(client, cards, invoices, carried_usage),
        agreements=StripeAgreements(client),
        handover=StripeHandover(client),
        metering=StripeUsage(client),
        reversals=reversals,
        refunds=StripeRefunds(client, invoices, reversals),
        owners=StripeOwners(client, invoices),
        history=StripeEventHistory(client),
    )

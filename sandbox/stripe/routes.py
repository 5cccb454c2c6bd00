"""All calls of the simulator."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from sandbox.stripe import (
    account,
    balance_transactions,
    catalog,
    checkout,
    customers,
    disputes,
    endpoints,
    frozen_clocks,
    invoice_calls,
    invoice_items,
    meters,
    one_off_invoices,
    payment_methods,
    payments,
    portal,
    portal_settings,
    previews,
    reversals,
    subscription_calls,
    subscription_changes,
)
from sandbox.stripe.params import EXPAND, PAGING, TEXT, Params, Shape, Text
from sandbox.stripe.store import Object
from sandbox.stripe.world import World

Act = Callable[[World, Params, Params], Object]
NOTHING = Shape({})


@dataclass(frozen=True)
class Call:
    method: str
    path: re.Pattern[str]
    shape: Shape
    act: Act


def _call(method: str, path: str, act: Act, shape: Shape = NOTHING, *, expands: bool = True) -> Call:
    if expands:
        shape.fields.setdefault("expand", EXPAND)
    return Call(method, re.compile(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", path)), shape, act)


def all_calls() -> list[Call]:
    return [*_people(), *_billing(), *_money(), *_shop(), *_setting_up(), *_rehearsing()]


def _people() -> list[Call]:
    one, cards = "/v1/customers/{customer}", "/v1/payment_methods/{payment_method}"
    attach = Shape({"customer": TEXT}, required=["customer"])
    list_cards = Shape({**PAGING, "type": Text("card")})
    return [
        _call("POST", "/v1/customers", customers.create, customers.CREATE),
        _call("GET", "/v1/customers", customers.list_all, customers.LIST),
        _call("GET", one, customers.retrieve),
        _call("POST", one, customers.update, customers.UPDATE),
        _call("DELETE", one, customers.delete, customers.DELETE, expands=False),
        _call("GET", f"{one}/payment_methods", payment_methods.list_of_customer, list_cards),
        _call("POST", f"{one}/balance_transactions", balance_transactions.create, balance_transactions.CREATE),
        _call("GET", f"{one}/balance_transactions", balance_transactions.list_all, balance_transactions.LIST),
        _call("GET", cards, payment_methods.retrieve),
        _call("POST", f"{cards}/attach", payment_methods.attach, attach),
        _call("POST", f"{cards}/detach", payment_methods.detach),
    ]


def _billing() -> list[Call]:
    one, bill = "/v1/subscriptions/{subscription}", "/v1/invoices/{invoice}"
    return [
        _call("POST", "/v1/subscriptions", subscription_calls.create, subscription_calls.CREATE),
        _call("GET", "/v1/subscriptions", subscription_calls.list_all, subscription_calls.LIST),
        _call("GET", one, subscription_calls.retrieve),
        _call("POST", one, subscription_changes.update, subscription_changes.UPDATE),
        _call("DELETE", one, subscription_calls.cancel, subscription_calls.CANCEL),
        _call("POST", "/v1/invoices", one_off_invoices.create, one_off_invoices.CREATE),
        _call("POST", f"{bill}/add_lines", one_off_invoices.add_lines, one_off_invoices.ADD_LINES),
        _call("POST", f"{bill}/finalize", one_off_invoices.finalize, one_off_invoices.FINALIZE),
        _call("GET", "/v1/invoices", invoice_calls.list_all, invoice_calls.LIST),
        _call("POST", "/v1/invoices/create_preview", previews.create_preview, previews.PREVIEW),
        _call("POST", "/v1/invoiceitems", invoice_items.create, invoice_items.CREATE),
        _call("GET", "/v1/invoiceitems", invoice_items.list_all, invoice_items.LIST),
        _call("GET", "/v1/invoice_payments", invoice_calls.list_payments, invoice_calls.PAYMENT_LIST),
        _call("GET", bill, invoice_calls.retrieve),
        _call("POST", bill, invoice_calls.update, invoice_calls.UPDATE),
        _call("POST", f"{bill}/pay", invoice_calls.pay, invoice_calls.PAY),
        _call("POST", f"{bill}/void", invoice_calls.void),
        _call("POST", f"{bill}/mark_uncollectible", invoice_calls.mark_uncollectible),
    ]


def _money() -> list[Call]:
    return [
        _call("GET", "/v1/payment_intents/{intent}", payments.retrieve_intent),
        _call("GET", "/v1/charges", payments.list_charges, payments.CHARGE_LIST),
        _call("GET", "/v1/charges/{charge}", payments.retrieve_charge),
        _call("POST", "/v1/refunds", reversals.create_refund, reversals.REFUND_CREATE),
        _call("GET", "/v1/refunds", reversals.list_refunds, reversals.REFUND_LIST),
        _call("GET", "/v1/refunds/{refund}", reversals.retrieve_refund),
        _call("GET", "/v1/disputes", disputes.list_all, disputes.LIST),
        _call("GET", "/v1/disputes/{dispute}", disputes.retrieve),
        _call("GET", "/v1/setup_intents/{intent}", checkout.retrieve_setup_intent),
        _call("GET", "/v1/account", account.retrieve),
        _call("GET", "/v1/events", account.list_events, account.EVENT_LIST),
        _call("GET", "/v1/events/{event}", account.retrieve_event),
    ]


def _shop() -> list[Call]:
    session = "/v1/checkout/sessions/{session}"
    return [
        _call("POST", "/v1/checkout/sessions", checkout.create, checkout.CREATE),
        _call("GET", "/v1/checkout/sessions", checkout.list_all, checkout.LIST),
        _call("GET", session, checkout.retrieve),
        _call("POST", f"{session}/expire", checkout.expire),
        _call("POST", "/v1/billing_portal/sessions", portal.create, portal.CREATE),
        _call("POST", "/v1/products", catalog.create_product, catalog.PRODUCT_CREATE),
        _call("GET", "/v1/products", catalog.list_products, catalog.PRODUCT_LIST),
        _call("GET", "/v1/products/{product}", catalog.retrieve_product),
        _call("POST", "/v1/products/{product}", catalog.update_product, catalog.PRODUCT_UPDATE),
        *_metering(),
        _call("POST", "/v1/prices", catalog.create_price, catalog.PRICE_CREATE),
        _call("GET", "/v1/prices", catalog.list_prices, catalog.PRICE_LIST),
        _call("GET", "/v1/prices/{price}", catalog.retrieve_price),
        _call("POST", "/v1/prices/{price}", catalog.update_price, catalog.PRICE_UPDATE),
    ]


def _metering() -> list[Call]:
    all_meters = "/v1/billing/meters"
    return [
        _call("POST", all_meters, meters.create_meter, meters.METER_CREATE),
        _call("GET", all_meters, meters.list_meters, meters.METER_LIST),
        _call("GET", f"{all_meters}/{{meter}}", meters.retrieve_meter),
        _call("POST", f"{all_meters}/{{meter}}/deactivate", meters.deactivate_meter),
        _call("POST", "/v1/billing/meter_events", meters.create_event, meters.EVENT_CREATE),
    ]


def _setting_up() -> list[Call]:
    hooks, portals = "/v1/webhook_endpoints", "/v1/billing_portal/configurations"
    return [
        _call("POST", hooks, endpoints.create_endpoint, endpoints.ENDPOINT_CREATE),
        _call("GET", hooks, endpoints.list_endpoints, endpoints.ENDPOINT_LIST),
        _call("GET", f"{hooks}/{{endpoint}}", endpoints.retrieve_endpoint),
        _call("POST", f"{hooks}/{{endpoint}}", endpoints.update_endpoint, endpoints.ENDPOINT_UPDATE),
        _call("POST", portals, portal_settings.create, portal_settings.CREATE),
        _call("GET", portals, portal_settings.list_all, portal_settings.LIST),
        _call("GET", f"{portals}/{{configuration}}", portal_settings.retrieve),
        _call("POST", f"{portals}/{{configuration}}", portal_settings.update, portal_settings.UPDATE),
    ]


def _rehearsing() -> list[Call]:
    clocks = "/v1/test_helpers/test_clocks"
    return [
        _call("POST", clocks, frozen_clocks.create, frozen_clocks.CREATE),
        _call("GET", clocks, frozen_clocks.list_all, frozen_clocks.LIST),
        _call("GET", f"{clocks}/{{test_clock}}", frozen_clocks.retrieve),
        _call("POST", f"{clocks}/{{test_clock}}/advance", frozen_clocks.advance, frozen_clocks.ADVANCE),
        _call("DELETE", f"{clocks}/{{test_clock}}", frozen_clocks.delete, frozen_clocks.DELETE, expands=False),
    ]

"""The client has every operation of the API that a product or an operator may call."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi.routing import APIRoute
from starlette.routing import Match

from api.app import ROUTERS
from tenure.client import (
    BulkAction,
    Event,
    Person,
    Tenure,
    api_key_operations,
    audit_operations,
    bulk_operations,
    customer_operations,
    event_operations,
    health_operations,
    metrics_operations,
    operator_operations,
    outcome_operations,
    plan_operations,
)
from tenure.client import endpoint_operations as endpoints
from tenure.client import subscription_operations as subscriptions
from tenure.client import usage_operations as usage
from tenure.client.core import Core, Options, Send, Steps, advance

NOT_IN_THE_CLIENT: Mapping[str, str] = {
    "health": "for load balancers",
    "readiness": "for load balancers",
    "getPricing": "for browsers, without a key; products have the plans",
    "receiveStripeWebhook": "called by Stripe alone, with its signature",
}
SUSPEND = BulkAction("suspend")
ADA = Person("ada", "ada@example.com")
CALLS: Mapping[str, tuple[str, Callable[[Core], Steps[Any]]]] = {
    "createSubscription": ("start_trial", lambda core: customer_operations.start_trial(core, ADA, "pro")),
    "listSubscriptions": ("subscriptions", lambda core: subscriptions.subscriptions(core, status="active")(None)),
    "getSubscription": ("subscription", lambda core: subscriptions.subscription(core, "s1")),
    "getTimeline": ("timeline", lambda core: subscriptions.timeline(core, "s1")),
    "convertSubscription": ("convert", lambda core: subscriptions.convert(core, "s1")),
    "putPaymentMethod": ("put_payment_method", lambda core: subscriptions.put_payment_method(core, "s1", "pm_1")),
    "retryPayment": ("retry_payment", lambda core: subscriptions.retry_payment(core, "s1")),
    "cancelSubscription": ("cancel", lambda core: subscriptions.cancel(core, "s1")),
    "previewCancel": ("preview_cancel", lambda core: subscriptions.preview_cancel(core, "s1")),
    "uncancelSubscription": ("uncancel", lambda core: subscriptions.uncancel(core, "s1")),
    "pauseSubscription": ("pause", lambda core: subscriptions.pause(core, "s1")),
    "resumeSubscription": ("resume", lambda core: subscriptions.resume(core, "s1")),
    "changePlan": ("change_plan", lambda core: subscriptions.change_plan(core, "s1", plan="pro")),
    "previewChange": ("preview_change", lambda core: subscriptions.preview_change(core, "s1", plan="pro")),
    "withdrawChange": ("withdraw_change", lambda core: subscriptions.withdraw_change(core, "s1")),
    "extendTrial": ("extend_trial", lambda core: operator_operations.extend_trial(core, "s1", 7, "holidays")),
    "suspendSubscription": ("suspend", lambda core: operator_operations.suspend(core, "s1", "fraud")),
    "reactivateSubscription": ("reactivate", lambda core: operator_operations.reactivate(core, "s1", "settled")),
    "refundInvoice": ("refund", lambda core: operator_operations.refund(core, "s1", "in_1", "downtime", amount=100)),
    "addNote": ("note", lambda core: operator_operations.note(core, "s1", "called twice")),
    "exportCustomer": ("export_customer", lambda core: operator_operations.export_customer(core, "ada")),
    "eraseCustomer": ("erase_customer", lambda core: operator_operations.erase_customer(core, "ada", cancel=True)),
    "renewLinks": ("renew_links", lambda core: operator_operations.renew_links(core, "s1")),
    "createCheckoutSession": ("checkout", lambda core: customer_operations.checkout(core, "ada")),
    "createPortalSession": ("portal", lambda core: customer_operations.portal(core, "ada")),
    "createBillingSession": ("billing_session", lambda core: customer_operations.billing_session(core, "ada")),
    "getBanner": ("banner", lambda core: customer_operations.banner(core, "ada")),
    "listInvoices": ("all_invoices", lambda core: customer_operations.all_invoices(core, "ada")(None)),
    "listPlans": ("plans", plan_operations.plans),
    "getPlan": ("plan", lambda core: plan_operations.plan(core, "pro")),
    "comparePlans": ("compare", lambda core: plan_operations.compare(core, "pro", "max")),
    "suggestPlan": ("suggest", lambda core: plan_operations.suggest(core, "ada", "images")),
    "listCustomers": ("customers", lambda core: customer_operations.customers(core)(None)),
    "getCustomer": ("customer", lambda core: customer_operations.customer(core, "ada")),
    "updateCustomer": ("update_customer", lambda core: customer_operations.update_customer(core, "ada", name="Ada")),
    "getEntitlements": ("entitlements", lambda core: usage.entitlements(core, "ada")),
    "checkEntitlement": ("check", lambda core: usage.check(core, "ada", "images")),
    "getUsage": ("usage", lambda core: usage.usage(core, "ada")),
    "consume": ("consume", lambda core: usage.consume(core, "ada", "images")),
    "release": ("release", lambda core: usage.release(core, "ada", "images")),
    "setUsage": ("set_usage", lambda core: usage.set_usage(core, "ada", "images", 3)),
    "resetUsage": ("reset_usage", lambda core: usage.reset_usage(core, "ada", "images", "a mistake")),
    "recordUsage": (
        "record",
        lambda core: usage.record(core, [Event("ada", "images", 1, "image-1", datetime(2026, 11, 21, tzinfo=UTC))]),
    ),
    "getUsageHistory": ("usage_history", lambda core: usage.usage_history(core, "ada", "images")),
    "getRevenueOverview": (
        "revenue_overview",
        lambda core: metrics_operations.revenue_overview(core, currency="usd"),
    ),
    "getMrr": ("mrr", lambda core: metrics_operations.mrr(core, plan="pro", first="2026-01")),
    "getCustomerCounts": ("customer_counts", lambda core: metrics_operations.customer_counts(core, group="plan")),
    "getCohorts": ("cohorts", lambda core: metrics_operations.cohorts(core, first="2026-01", group="plan")),
    "getChurn": ("churn", lambda core: metrics_operations.churn(core, interval="year")),
    "getMovements": ("movements", lambda core: metrics_operations.movements(core, last="2026-12")),
    "getTrials": ("trials", lambda core: outcome_operations.trials(core, group="plan")),
    "getRecovery": ("recovery", lambda core: outcome_operations.recovery(core, group="tries", currency="usd")),
    "getCancellations": ("cancellations", lambda core: outcome_operations.cancellations(core, first="2026-01")),
    "getUsageFigures": ("usage_figures", lambda core: outcome_operations.usage_figures(core, feature="runs")),
    "listCancellations": ("each_cancellation", lambda core: outcome_operations.each_cancellation(core)(None)),
    "listApiKeys": ("api_keys", lambda core: api_key_operations.api_keys(core)(None)),
    "createApiKey": ("create_api_key", lambda core: api_key_operations.create_api_key(core, "service", "the shop")),
    "rotateApiKey": ("rotate_api_key", lambda core: api_key_operations.rotate_api_key(core, "k1")),
    "revokeApiKey": ("revoke_api_key", lambda core: api_key_operations.revoke_api_key(core, "k1")),
    "listAudit": ("audit", lambda core: audit_operations.audit(core, target="s1")(None)),
    "listEvents": ("events", lambda core: event_operations.events(core, types=["invoice.paid"])(None)),
    "listWebhookEndpoints": ("webhook_endpoints", lambda core: endpoints.webhook_endpoints(core)(None)),
    "createWebhookEndpoint": (
        "create_webhook_endpoint",
        lambda core: endpoints.create_webhook_endpoint(core, "https://app.example.com/hooks", ["invoice.paid"]),
    ),
    "getWebhookEndpoint": ("webhook_endpoint", lambda core: endpoints.webhook_endpoint(core, "e1")),
    "updateWebhookEndpoint": (
        "update_webhook_endpoint",
        lambda core: endpoints.update_webhook_endpoint(core, "e1", state="disabled"),
    ),
    "deleteWebhookEndpoint": ("delete_webhook_endpoint", lambda core: endpoints.delete_webhook_endpoint(core, "e1")),
    "rotateWebhookSecret": ("rotate_webhook_secret", lambda core: endpoints.rotate_webhook_secret(core, "e1")),
    "listDeliveries": ("deliveries", lambda core: endpoints.deliveries(core, "e1", state="failed")(None)),
    "recoverDeliveries": (
        "recover_deliveries",
        lambda core: endpoints.recover_deliveries(core, "e1", datetime(2026, 11, 21, tzinfo=UTC)),
    ),
    "getDelivery": ("delivery", lambda core: endpoints.delivery(core, "d1")),
    "resendDelivery": ("resend_delivery", lambda core: endpoints.resend_delivery(core, "d1")),
    "listInbox": ("inbox", lambda core: health_operations.inbox(core, state="set_aside")(None)),
    "getInboxSummary": ("inbox_summary", health_operations.inbox_summary),
    "replayEvent": ("replay_event", lambda core: health_operations.replay_event(core, "evt_1", "it was lost")),
    "listDiscrepancies": ("discrepancies", lambda core: health_operations.discrepancies(core)(None)),
    "healDiscrepancy": ("heal_discrepancy", lambda core: health_operations.heal_discrepancy(core, "1", "it is owed")),
    "listReconciliationRuns": (
        "reconciliation_runs",
        lambda core: health_operations.reconciliation_runs(core)(None),
    ),
    "runReconciliation": ("run_reconciliation", lambda core: health_operations.run_reconciliation(core, "an outage")),
    "listSchedules": ("schedules", health_operations.schedules),
    "triggerSchedule": ("trigger_schedule", lambda core: health_operations.trigger_schedule(core, "s1", "an outage")),
    "pauseSchedule": ("pause_schedule", lambda core: health_operations.pause_schedule(core, "s1", "maintenance")),
    "resumeSchedule": ("resume_schedule", lambda core: health_operations.resume_schedule(core, "s1", "it is over")),
    "previewBulk": ("preview_bulk", lambda core: bulk_operations.preview_bulk(core, SUSPEND, {"plan": "pro"})),
    "startBulk": (
        "start_bulk",
        lambda core: bulk_operations.start_bulk(core, of="b1", expected=37, reason="a mistake"),
    ),
    "listBulkRuns": ("bulk_runs", lambda core: bulk_operations.bulk_runs(core)(None)),
    "getBulkRun": ("bulk_run", lambda core: bulk_operations.bulk_run(core, "b1")),
    "listBulkRows": ("bulk_rows", lambda core: bulk_operations.bulk_rows(core, "b1", outcome="refused")(None)),
    "pauseBulk": ("pause_bulk", lambda core: bulk_operations.pause_bulk(core, "b1")),
    "resumeBulk": ("resume_bulk", lambda core: bulk_operations.resume_bulk(core, "b1")),
    "stopBulk": ("stop_bulk", lambda core: bulk_operations.stop_bulk(core, "b1")),
    "listMails": ("mails", lambda core: health_operations.mails(core, state="refused")(None)),
    "getMailSummary": ("mail_summary", health_operations.mail_summary),
    "retryMail": ("retry_mail", lambda core: health_operations.retry_mail(core, "m1", "the server is back")),
    "getSystem": ("system", health_operations.system),
    "getUsageStatistics": ("usage_statistics", operator_operations.usage_statistics),
}
ROUTES = [
    route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute) and route.include_in_schema
]


def test_every_operation_of_the_api_is_in_the_client_or_left_out_for_a_reason() -> None:
    offered = {route.operation_id for route in ROUTES}

    assert offered - CALLS.keys() == NOT_IN_THE_CLIENT.keys()
    assert CALLS.keys() - offered == set()


@pytest.mark.parametrize("operation", CALLS)
def test_a_method_calls_the_operation_that_it_is_for(operation: str) -> None:
    name, steps = CALLS[operation]

    send = advance(steps(Core(Options())), None)

    assert isinstance(send, Send)
    assert operation_at(send.call.method, send.call.path) == operation
    assert callable(getattr(Tenure, name))


def operation_at(method: str, path: str) -> str | None:
    """The operation that answers there: the first route that matches, as in the application."""
    scope = {"type": "http", "method": method, "path": path, "root_path": ""}
    return next((route.operation_id for route in ROUTES if route.matches(scope)[0] is Match.FULL), None)

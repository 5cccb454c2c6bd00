"""The blocking client. It only runs the steps of `tenure.client.core`."""

import time
from concurrent.futures import wait
from contextlib import closing
from types import TracebackType
from typing import Self, TypeVar

import httpx

from tenure.client import (
    api_key_operations,
    audit_operations,
    bulk_operations,
    customer_operations,
    endpoint_operations,
    event_operations,
    gating,
    health_operations,
    metrics_operations,
    operator_operations,
    outcome_operations,
    plan_operations,
    subscription_operations,
    usage_operations,
)
from tenure.client.connection import LOST, MISTAKES, BaseClient, answer_of, reply_without_answer
from tenure.client.core import Done, Join, Options, Send, Steps, Wait, advance
from tenure.client.deadlines import Deadline
from tenure.client.methods import blocking, iterator
from tenure.client.requests import Reply

T = TypeVar("T")


class Tenure(BaseClient):
    """The blocking client. Use one per process, shared by its threads; close it at the end."""

    def __init__(self, url: str, key: str, options: Options | None = None) -> None:
        """*url* of the API and an API key of role `service`; *options* set timeouts, retries and caching."""
        super().__init__(url, key, options or Options())
        self._http = httpx.Client(**self._at)
        self._deadline = Deadline()
        self._deadline.apply_to(self._http)

    standing = blocking(usage_operations.standing)
    entitlements = blocking(usage_operations.entitlements)
    check = blocking(usage_operations.check)
    consume = blocking(usage_operations.consume)
    release = blocking(usage_operations.release)
    give_back = blocking(usage_operations.give_back)
    set_usage = blocking(usage_operations.set_usage)
    reset_usage = blocking(usage_operations.reset_usage)
    record = blocking(usage_operations.record)
    usage = blocking(usage_operations.usage)
    usage_history = blocking(usage_operations.usage_history)

    require_feature = blocking(gating.require_feature)
    require_plan = blocking(gating.require_plan)
    require_active_subscription = blocking(gating.require_active_subscription)

    customer = blocking(customer_operations.customer)
    list_customers = blocking(customer_operations.list_customers)
    update_customer = blocking(customer_operations.update_customer)
    start_trial = blocking(customer_operations.start_trial)
    subscribe = blocking(customer_operations.subscribe)
    invoices = blocking(customer_operations.invoices)
    list_invoices = blocking(customer_operations.list_invoices)
    checkout = blocking(customer_operations.checkout)
    purchase = blocking(customer_operations.purchase)
    portal = blocking(customer_operations.portal)
    banner = blocking(customer_operations.banner)
    billing_session = blocking(customer_operations.billing_session)
    customers = iterator(customer_operations.customers)
    all_invoices = iterator(customer_operations.all_invoices)

    subscription = blocking(subscription_operations.subscription)
    list_subscriptions = blocking(subscription_operations.list_subscriptions)
    timeline = blocking(subscription_operations.timeline)
    convert = blocking(subscription_operations.convert)
    change_plan = blocking(subscription_operations.change_plan)
    preview_change = blocking(subscription_operations.preview_change)
    withdraw_change = blocking(subscription_operations.withdraw_change)
    put_payment_method = blocking(subscription_operations.put_payment_method)
    retry_payment = blocking(subscription_operations.retry_payment)
    cancel = blocking(subscription_operations.cancel)
    preview_cancel = blocking(subscription_operations.preview_cancel)
    uncancel = blocking(subscription_operations.uncancel)
    pause = blocking(subscription_operations.pause)
    resume = blocking(subscription_operations.resume)
    subscriptions = iterator(subscription_operations.subscriptions)

    extend_trial = blocking(operator_operations.extend_trial)
    refund = blocking(operator_operations.refund)
    note = blocking(operator_operations.note)
    suspend = blocking(operator_operations.suspend)
    reactivate = blocking(operator_operations.reactivate)
    renew_links = blocking(operator_operations.renew_links)
    export_customer = blocking(operator_operations.export_customer)
    erase_customer = blocking(operator_operations.erase_customer)
    usage_statistics = blocking(operator_operations.usage_statistics)

    list_api_keys = blocking(api_key_operations.list_api_keys)
    create_api_key = blocking(api_key_operations.create_api_key)
    rotate_api_key = blocking(api_key_operations.rotate_api_key)
    revoke_api_key = blocking(api_key_operations.revoke_api_key)
    api_keys = iterator(api_key_operations.api_keys)

    list_webhook_endpoints = blocking(endpoint_operations.list_webhook_endpoints)
    webhook_endpoint = blocking(endpoint_operations.webhook_endpoint)
    create_webhook_endpoint = blocking(endpoint_operations.create_webhook_endpoint)
    update_webhook_endpoint = blocking(endpoint_operations.update_webhook_endpoint)
    delete_webhook_endpoint = blocking(endpoint_operations.delete_webhook_endpoint)
    rotate_webhook_secret = blocking(endpoint_operations.rotate_webhook_secret)
    list_deliveries = blocking(endpoint_operations.list_deliveries)
    recover_deliveries = blocking(endpoint_operations.recover_deliveries)
    delivery = blocking(endpoint_operations.delivery)
    resend_delivery = blocking(endpoint_operations.resend_delivery)
    webhook_endpoints = iterator(endpoint_operations.webhook_endpoints)
    deliveries = iterator(endpoint_operations.deliveries)

    list_audit = blocking(audit_operations.list_audit)
    audit = iterator(audit_operations.audit)

    list_events = blocking(event_operations.list_events)
    events = iterator(event_operations.events)

    list_inbox = blocking(health_operations.list_inbox)
    inbox_summary = blocking(health_operations.inbox_summary)
    replay_event = blocking(health_operations.replay_event)
    inbox = iterator(health_operations.inbox)
    list_discrepancies = blocking(health_operations.list_discrepancies)
    heal_discrepancy = blocking(health_operations.heal_discrepancy)
    discrepancies = iterator(health_operations.discrepancies)
    list_reconciliation_runs = blocking(health_operations.list_reconciliation_runs)
    run_reconciliation = blocking(health_operations.run_reconciliation)
    reconciliation_runs = iterator(health_operations.reconciliation_runs)
    schedules = blocking(health_operations.schedules)
    trigger_schedule = blocking(health_operations.trigger_schedule)
    pause_schedule = blocking(health_operations.pause_schedule)
    resume_schedule = blocking(health_operations.resume_schedule)
    list_mails = blocking(health_operations.list_mails)
    mail_summary = blocking(health_operations.mail_summary)
    retry_mail = blocking(health_operations.retry_mail)
    mails = iterator(health_operations.mails)
    system = blocking(health_operations.system)

    revenue_overview = blocking(metrics_operations.revenue_overview)
    preview_bulk = blocking(bulk_operations.preview_bulk)
    start_bulk = blocking(bulk_operations.start_bulk)
    bulk_run = blocking(bulk_operations.bulk_run)
    list_bulk_runs = blocking(bulk_operations.list_bulk_runs)
    list_bulk_rows = blocking(bulk_operations.list_bulk_rows)
    pause_bulk = blocking(bulk_operations.pause_bulk)
    resume_bulk = blocking(bulk_operations.resume_bulk)
    stop_bulk = blocking(bulk_operations.stop_bulk)
    bulk_runs = iterator(bulk_operations.bulk_runs)
    bulk_rows = iterator(bulk_operations.bulk_rows)

    mrr = blocking(metrics_operations.mrr)
    movements = blocking(metrics_operations.movements)
    customer_counts = blocking(metrics_operations.customer_counts)
    churn = blocking(metrics_operations.churn)
    cohorts = blocking(metrics_operations.cohorts)
    trials = blocking(outcome_operations.trials)
    recovery = blocking(outcome_operations.recovery)
    cancellations = blocking(outcome_operations.cancellations)
    usage_figures = blocking(outcome_operations.usage_figures)
    list_cancellations = blocking(outcome_operations.list_cancellations)
    each_cancellation = iterator(outcome_operations.each_cancellation)

    plans = blocking(plan_operations.plans)
    plan = blocking(plan_operations.plan)
    compare = blocking(plan_operations.compare)
    suggest = blocking(plan_operations.suggest)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _carry_out(self, steps: Steps[T]) -> T:
        reply: Reply | None = None
        with closing(steps):
            while not isinstance(step := advance(steps, reply), Done):
                reply = self._do(step)
        return step.result

    def _do(self, step: Send | Wait | Join) -> Reply | None:
        match step:
            case Send():
                return self._send(step)
            case Wait(seconds):
                time.sleep(seconds)
            case Join(pending, within):
                wait([pending.outcome], within)
        return None

    def _send(self, step: Send) -> Reply:
        how = self._request_of(step)
        try:
            with self._deadline.within(step.at_most):
                return answer_of(self._http.request(**how))
        except (*MISTAKES, *LOST) as error:
            return reply_without_answer(error)

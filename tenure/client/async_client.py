"""The async client. It only runs the steps of `tenure.client.core`."""

import asyncio
from contextlib import closing, suppress
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
from tenure.client.methods import async_iterator, awaited
from tenure.client.requests import Lost, Reply

T = TypeVar("T")


class AsyncTenure(BaseClient):
    """The async client. Use one per process; close it at the end, or use it as a context manager."""

    def __init__(self, url: str, key: str, options: Options | None = None) -> None:
        """*url* of the API and an API key of role `service`; *options* set timeouts, retries and caching."""
        super().__init__(url, key, options or Options())
        self._tls = httpx.create_ssl_context()
        self._by_loop: dict[asyncio.AbstractEventLoop, httpx.AsyncClient] = {}
        self._is_closed = False

    standing = awaited(usage_operations.standing)
    entitlements = awaited(usage_operations.entitlements)
    check = awaited(usage_operations.check)
    consume = awaited(usage_operations.consume)
    release = awaited(usage_operations.release)
    give_back = awaited(usage_operations.give_back)
    set_usage = awaited(usage_operations.set_usage)
    reset_usage = awaited(usage_operations.reset_usage)
    record = awaited(usage_operations.record)
    usage = awaited(usage_operations.usage)
    usage_history = awaited(usage_operations.usage_history)

    require_feature = awaited(gating.require_feature)
    require_plan = awaited(gating.require_plan)
    require_active_subscription = awaited(gating.require_active_subscription)

    customer = awaited(customer_operations.customer)
    list_customers = awaited(customer_operations.list_customers)
    update_customer = awaited(customer_operations.update_customer)
    start_trial = awaited(customer_operations.start_trial)
    subscribe = awaited(customer_operations.subscribe)
    invoices = awaited(customer_operations.invoices)
    list_invoices = awaited(customer_operations.list_invoices)
    checkout = awaited(customer_operations.checkout)
    purchase = awaited(customer_operations.purchase)
    portal = awaited(customer_operations.portal)
    banner = awaited(customer_operations.banner)
    billing_session = awaited(customer_operations.billing_session)
    customers = async_iterator(customer_operations.customers)
    all_invoices = async_iterator(customer_operations.all_invoices)

    subscription = awaited(subscription_operations.subscription)
    list_subscriptions = awaited(subscription_operations.list_subscriptions)
    timeline = awaited(subscription_operations.timeline)
    convert = awaited(subscription_operations.convert)
    change_plan = awaited(subscription_operations.change_plan)
    preview_change = awaited(subscription_operations.preview_change)
    withdraw_change = awaited(subscription_operations.withdraw_change)
    put_payment_method = awaited(subscription_operations.put_payment_method)
    retry_payment = awaited(subscription_operations.retry_payment)
    cancel = awaited(subscription_operations.cancel)
    preview_cancel = awaited(subscription_operations.preview_cancel)
    uncancel = awaited(subscription_operations.uncancel)
    pause = awaited(subscription_operations.pause)
    resume = awaited(subscription_operations.resume)
    subscriptions = async_iterator(subscription_operations.subscriptions)

    extend_trial = awaited(operator_operations.extend_trial)
    refund = awaited(operator_operations.refund)
    note = awaited(operator_operations.note)
    suspend = awaited(operator_operations.suspend)
    reactivate = awaited(operator_operations.reactivate)
    renew_links = awaited(operator_operations.renew_links)
    export_customer = awaited(operator_operations.export_customer)
    erase_customer = awaited(operator_operations.erase_customer)
    usage_statistics = awaited(operator_operations.usage_statistics)

    list_api_keys = awaited(api_key_operations.list_api_keys)
    create_api_key = awaited(api_key_operations.create_api_key)
    rotate_api_key = awaited(api_key_operations.rotate_api_key)
    revoke_api_key = awaited(api_key_operations.revoke_api_key)
    api_keys = async_iterator(api_key_operations.api_keys)

    list_webhook_endpoints = awaited(endpoint_operations.list_webhook_endpoints)
    webhook_endpoint = awaited(endpoint_operations.webhook_endpoint)
    create_webhook_endpoint = awaited(endpoint_operations.create_webhook_endpoint)
    update_webhook_endpoint = awaited(endpoint_operations.update_webhook_endpoint)
    delete_webhook_endpoint = awaited(endpoint_operations.delete_webhook_endpoint)
    rotate_webhook_secret = awaited(endpoint_operations.rotate_webhook_secret)
    list_deliveries = awaited(endpoint_operations.list_deliveries)
    recover_deliveries = awaited(endpoint_operations.recover_deliveries)
    delivery = awaited(endpoint_operations.delivery)
    resend_delivery = awaited(endpoint_operations.resend_delivery)
    webhook_endpoints = async_iterator(endpoint_operations.webhook_endpoints)
    deliveries = async_iterator(endpoint_operations.deliveries)

    list_audit = awaited(audit_operations.list_audit)
    audit = async_iterator(audit_operations.audit)

    list_events = awaited(event_operations.list_events)
    events = async_iterator(event_operations.events)

    list_inbox = awaited(health_operations.list_inbox)
    inbox_summary = awaited(health_operations.inbox_summary)
    replay_event = awaited(health_operations.replay_event)
    inbox = async_iterator(health_operations.inbox)
    list_discrepancies = awaited(health_operations.list_discrepancies)
    heal_discrepancy = awaited(health_operations.heal_discrepancy)
    discrepancies = async_iterator(health_operations.discrepancies)
    list_reconciliation_runs = awaited(health_operations.list_reconciliation_runs)
    run_reconciliation = awaited(health_operations.run_reconciliation)
    reconciliation_runs = async_iterator(health_operations.reconciliation_runs)
    schedules = awaited(health_operations.schedules)
    trigger_schedule = awaited(health_operations.trigger_schedule)
    pause_schedule = awaited(health_operations.pause_schedule)
    resume_schedule = awaited(health_operations.resume_schedule)
    list_mails = awaited(health_operations.list_mails)
    mail_summary = awaited(health_operations.mail_summary)
    retry_mail = awaited(health_operations.retry_mail)
    mails = async_iterator(health_operations.mails)
    system = awaited(health_operations.system)

    revenue_overview = awaited(metrics_operations.revenue_overview)
    preview_bulk = awaited(bulk_operations.preview_bulk)
    start_bulk = awaited(bulk_operations.start_bulk)
    bulk_run = awaited(bulk_operations.bulk_run)
    list_bulk_runs = awaited(bulk_operations.list_bulk_runs)
    list_bulk_rows = awaited(bulk_operations.list_bulk_rows)
    pause_bulk = awaited(bulk_operations.pause_bulk)
    resume_bulk = awaited(bulk_operations.resume_bulk)
    stop_bulk = awaited(bulk_operations.stop_bulk)
    bulk_runs = async_iterator(bulk_operations.bulk_runs)
    bulk_rows = async_iterator(bulk_operations.bulk_rows)

    mrr = awaited(metrics_operations.mrr)
    movements = awaited(metrics_operations.movements)
    customer_counts = awaited(metrics_operations.customer_counts)
    churn = awaited(metrics_operations.churn)
    cohorts = awaited(metrics_operations.cohorts)
    trials = awaited(outcome_operations.trials)
    recovery = awaited(outcome_operations.recovery)
    cancellations = awaited(outcome_operations.cancellations)
    usage_figures = awaited(outcome_operations.usage_figures)
    list_cancellations = awaited(outcome_operations.list_cancellations)
    each_cancellation = async_iterator(outcome_operations.each_cancellation)

    plans = awaited(plan_operations.plans)
    plan = awaited(plan_operations.plan)
    compare = awaited(plan_operations.compare)
    suggest = awaited(plan_operations.suggest)

    async def aclose(self) -> None:
        """Close the connections of the running event loop."""
        self._is_closed = True
        mine = self._by_loop.pop(asyncio.get_running_loop(), None)
        if mine is not None:
            await mine.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _carry_out(self, steps: Steps[T]) -> T:
        reply: Reply | None = None
        with closing(steps):  # also on cancellation: other callers may wait for the outcome
            while not isinstance(step := advance(steps, reply), Done):
                reply = await self._do(step)
        return step.result

    async def _do(self, step: Send | Wait | Join) -> Reply | None:
        match step:
            case Send():
                return await self._send(step)
            case Wait(seconds):
                await asyncio.sleep(seconds)
            case Join(pending, within):
                with suppress(TimeoutError):
                    await asyncio.wait_for(asyncio.wrap_future(pending.outcome), within)
        return None

    async def _send(self, step: Send) -> Reply:
        how = self._request_of(step)
        try:
            async with asyncio.timeout(step.at_most):
                return answer_of(await self._http().request(**how))
        except TimeoutError:
            return Lost(httpx.ReadTimeout(f"no complete answer within {step.at_most:.3g} s"))
        except (*MISTAKES, *LOST) as error:
            return reply_without_answer(error)

    def _http(self) -> httpx.AsyncClient:
        """The HTTP client of the running loop: connections belong to the loop that opened them."""
        loop = asyncio.get_running_loop()
        found = self._by_loop.get(loop)
        if found is None:
            if self._is_closed:
                raise RuntimeError("the client has been closed")
            for gone in [one for one in self._by_loop if one.is_closed()]:
                del self._by_loop[gone]
            found = self._by_loop[loop] = httpx.AsyncClient(**self._at, verify=self._tls)
        return found

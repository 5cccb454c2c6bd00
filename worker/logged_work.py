"""What each line says that an activity logs."""

from typing import Any

import structlog
from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from tracing.spans import SUBSCRIPTION, subscription_of


class SubscriptionInLogs(Interceptor):
    """Names the subscription in each line that is logged by an activity of its workflow."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        return _Inbound(next)


class _Inbound(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - the SDK's name
        subscription = subscription_of(activity.info().workflow_id or "").get(SUBSCRIPTION)
        if subscription is None:
            return await super().execute_activity(input)
        with structlog.contextvars.bound_contextvars(subscription=subscription):
            return await super().execute_activity(input)

"""Temporal as the services around a subscription need it, for workflows that are run in the past."""

from collections import defaultdict
from typing import cast

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from domain.names import subscription_workflow_id
from domain.provider.hints import EventHint
from storage.subscriptions.mails import MailRecords
from workflows.mail import MailWorkflow


class PastTemporal:
    """Keeps signals until they are taken, and has mails sent at once; everything else is left undone.

    Args:
        mails: the stored mails.

    """

    def __init__(self, mails: MailRecords) -> None:
        self._mails = mails
        self._signals: dict[str, list[EventHint]] = defaultdict(list)
        self._running: set[str] = set()

    @property
    def as_client(self) -> Client:
        """For those who ask for a client: these get no more of it than is here."""
        return cast("Client", self)

    def run(self, subscription: str) -> None:
        """The subscription's workflow runs from now on."""
        self._running.add(subscription_workflow_id(subscription))

    def end(self, subscription: str) -> None:
        """The subscription's workflow is over."""
        self._running.discard(subscription_workflow_id(subscription))

    def taken(self, subscription: str) -> list[EventHint]:
        """The signals of a subscription that were not taken yet."""
        return self._signals.pop(subscription_workflow_id(subscription), [])

    # What services call

    async def start_workflow(self, workflow: object, argument: str, **_more: object) -> None:
        """Only mails: nobody reads those of the past, so none is rendered."""
        if workflow is MailWorkflow.run:
            await self._mails.mark_sent(argument, f"<{argument}@sandbox.tenure.example>")

    def get_workflow_handle(self, workflow_id: str) -> "_Handle":
        return _Handle(workflow_id, self)

    def signal(self, workflow_id: str, hint: EventHint) -> None:
        """Keep a signal until it is taken.

        Raises:
            RPCError: no such workflow runs.
        """
        if workflow_id not in self._running:
            raise RPCError("workflow execution already completed", RPCStatusCode.NOT_FOUND, b"")
        self._signals[workflow_id].append(hint)


class _Handle:
    def __init__(self, workflow_id: str, temporal: PastTemporal) -> None:
        self._id, self._temporal = workflow_id, temporal

    async def signal(self, _signal: object, hint: EventHint) -> None:
        self._temporal.signal(self._id, hint)

"""Separate namespaces for tests, in which no other worker runs."""

import asyncio
from typing import Final

from google.protobuf.duration_pb2 import Duration
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from tests.harness.patience import LOOK, PATIENT

NO_ANSWER: Final = frozenset({RPCStatusCode.CANCELLED, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.UNAVAILABLE})
"""A busy server may have done what was asked for all the same."""


async def elsewhere(client: Client, namespace: str) -> Client:
    """Return a client for a new namespace on the server of another."""
    await register(client, namespace)
    return await Client.connect(client.service_client.config.target_host, namespace=namespace)


async def register(client: Client, namespace: str) -> None:
    """Make a namespace, asking again while there is no answer; nobody may have made it before."""
    request = RegisterNamespaceRequest(namespace=namespace, workflow_execution_retention_period=Duration(seconds=86400))
    unanswered = 0
    async with asyncio.timeout(PATIENT):
        while True:
            try:
                await client.workflow_service.register_namespace(request)
            except RPCError as error:
                if error.status is RPCStatusCode.ALREADY_EXISTS and unanswered:
                    return
                if error.status not in NO_ANSWER:
                    raise
                unanswered += 1
                await asyncio.sleep(LOOK)
            else:
                return

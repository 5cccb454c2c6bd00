"""Separate namespaces for tests, in which no worker of the stack runs."""

from google.protobuf.duration_pb2 import Duration
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client

from sandbox.stack import Stack


async def elsewhere(stack: Stack, namespace: str) -> Client:
    """Return a client for a new namespace on the stack's server."""
    request = RegisterNamespaceRequest(namespace=namespace, workflow_execution_retention_period=Duration(seconds=86400))
    await stack.client.workflow_service.register_namespace(request)
    return await Client.connect(stack.addresses.temporal_address, namespace=namespace)

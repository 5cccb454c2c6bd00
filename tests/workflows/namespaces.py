"""Separate namespaces for tests, in which no other worker runs."""

from google.protobuf.duration_pb2 import Duration
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client


async def elsewhere(client: Client, namespace: str) -> Client:
    """Return a client for a new namespace on the server of another."""
    request = RegisterNamespaceRequest(namespace=namespace, workflow_execution_retention_period=Duration(seconds=86400))
    await client.workflow_service.register_namespace(request)
    return await Client.connect(client.service_client.config.target_host, namespace=namespace)

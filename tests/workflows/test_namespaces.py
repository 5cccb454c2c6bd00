"""A namespace of a test's own, on a server that is busy."""

from types import SimpleNamespace
from typing import Any

import pytest
from temporalio.service import RPCError, RPCStatusCode

from tests.workflows.namespaces import register

CUT_OFF = RPCError("operation was canceled", RPCStatusCode.CANCELLED, b"")
KNOWN = RPCError("namespace exists", RPCStatusCode.ALREADY_EXISTS, b"")


def answering(*errors: RPCError) -> Any:
    """A client whose server answers with *errors*, and then well."""
    ahead = list(errors)

    async def register_namespace(_request: object) -> None:
        if ahead:
            raise ahead.pop(0)

    return SimpleNamespace(workflow_service=SimpleNamespace(register_namespace=register_namespace), ahead=ahead)


@pytest.mark.parametrize("errors", [(), (CUT_OFF, CUT_OFF), (CUT_OFF, KNOWN)], ids=["at-once", "lost", "made-and-lost"])
async def test_what_was_cut_off_is_asked_for_again(errors: tuple[RPCError, ...]) -> None:
    client = answering(*errors)
    await register(client, "of-a-test")
    assert client.ahead == []


async def test_a_namespace_that_another_test_has_made_is_not_taken() -> None:
    with pytest.raises(RPCError, match="exists"):
        await register(answering(KNOWN), "of-two-tests")

"""What the sandbox's controls have in common."""

from collections.abc import Callable
from typing import Literal

from fastapi import HTTPException
from pydantic import BaseModel, ConfigDict
from sqlalchemy.exc import SQLAlchemyError
from temporalio.service import RPCError, RPCStatusCode

NO_WORKER = frozenset({RPCStatusCode.FAILED_PRECONDITION, RPCStatusCode.DEADLINE_EXCEEDED})
"""Of a question to a workflow, what the server answers when nobody takes it up."""


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Done(Body):
    status: Literal["ok"] = "ok"


def tell(what: Callable[[], object]) -> None:
    """Do it; what cannot be done is the caller's fault, told with the reason."""
    try:
        what()
    except (LookupError, ValueError) as error:
        raise HTTPException(422, str(error)) from error


def what_is_down(error: Exception) -> HTTPException:
    """An answer that names the part of the sandbox which does not work, and what it said of itself."""
    said = f"{type(error).__name__}: {error}".rstrip(": ")
    if isinstance(error, RPCError):
        part = (
            "no worker takes up what Temporal hands out" if error.status in NO_WORKER else "Temporal does not respond"
        )
        return HTTPException(503, f"{part} ({said})")
    if isinstance(error, SQLAlchemyError | OSError) and not isinstance(error, TimeoutError):
        return HTTPException(503, f"PostgreSQL does not respond ({said})")
    return HTTPException(500, f"the sandbox could not go on: {said}")

"""Shared parts of the sandbox's controls."""

from collections.abc import Callable
from typing import Literal

from fastapi import HTTPException
from pydantic import BaseModel, ConfigDict
from sqlalchemy.exc import SQLAlchemyError
from temporalio.service import RPCError, RPCStatusCode

NO_WORKER = frozenset({RPCStatusCode.FAILED_PRECONDITION, RPCStatusCode.DEADLINE_EXCEEDED})
"""The server's answers to a query that no worker takes."""


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Done(Body):
    status: Literal["ok"] = "ok"


def run_control(what: Callable[[], object]) -> None:
    """Call *what*; turn its errors into a 4xx with the reason."""
    try:
        what()
    except (LookupError, ValueError) as error:
        raise HTTPException(422, str(error)) from error


def unavailable(error: Exception) -> HTTPException:
    """A response that names the part of the sandbox that does not work, with its message."""
    said = f"{type(error).__name__}: {error}".rstrip(": ")
    if isinstance(error, RPCError):
        part = "no worker polls Temporal's queues" if error.status in NO_WORKER else "Temporal does not respond"
        return HTTPException(503, f"{part} ({said})")
    if isinstance(error, SQLAlchemyError | OSError) and not isinstance(error, TimeoutError):
        return HTTPException(503, f"PostgreSQL does not respond ({said})")
    return HTTPException(500, f"the sandbox could not continue: {said}")

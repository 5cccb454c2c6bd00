"""What the sandbox's controls have in common."""

from collections.abc import Callable
from typing import Literal

from fastapi import HTTPException
from pydantic import BaseModel, ConfigDict


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

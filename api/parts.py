"""What the application is put together from, and how a request gets at it."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from domain.plans import Catalog
from domain.policy import Policy
from domain.ports import ProviderEvents


@dataclass(frozen=True)
class Parts:
    """What the entry point hands over; the API reads no settings of its own."""

    client: Client
    engine: AsyncEngine
    catalog: Catalog
    policy: Policy
    events: ProviderEvents
    public_url: str
    secret_key: str


def parts_of(request: Request) -> Parts:
    parts = request.app.state.parts
    assert isinstance(parts, Parts)  # noqa: S101 - set by create_app
    return parts


HasParts = Annotated[Parts, Depends(parts_of)]

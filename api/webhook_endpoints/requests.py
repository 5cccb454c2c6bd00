"""Request bodies about webhook endpoints."""

from typing import Annotated

from pydantic import Field, StringConstraints

from api.http.fields import Description, Moment, RequestModel
from domain.events.endpoints import LONGEST_URL, EndpointState
from domain.events.types import EventType

_URL = "by `https`, with port 443 or 8443, leading to public addresses alone"
_TYPES = "of the events that it receives; empty: all, those of later releases included"
_EXAMPLE = "https://app.example.com/hooks/billing"

Url = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_URL)]
Types = Annotated[list[EventType], Field(max_length=len(EventType))]


class CreateWebhookEndpointRequest(RequestModel):
    """Where events are sent."""

    url: Url = Field(description=_URL, examples=[_EXAMPLE])
    description: Description = Field(default="", examples=["billing of the web app"])
    types: Types = Field(default=[], description=_TYPES, examples=[["subscription.past_due", "subscription.canceled"]])


class UpdateWebhookEndpointRequest(RequestModel):
    """What changes; what is left out stays."""

    url: Url | None = Field(default=None, description=_URL, examples=[_EXAMPLE])
    description: Description | None = None
    types: Types | None = Field(default=None, description=_TYPES)
    state: EndpointState | None = Field(
        default=None,
        description="`disabled`: nothing more is sent to it, and what was on its way is canceled; `enabled`: it gets"
        " what happens from now on, and `recover` sends it what it has missed",
    )


class RecoverRequest(RequestModel):
    """What is sent again."""

    since: Moment = Field(description="the time from which it is missing events", examples=["2027-01-15T09:00:00Z"])

"""List objects and their pages."""

from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.stripe.errors import invalid, missing_resource
from sandbox.stripe.events import shown
from sandbox.stripe.store import Object


def list_of(data: Sequence[Object], url: str, *, has_more: bool = False) -> Object:
    return {"object": "list", "data": [shown(each) for each in data], "has_more": has_more, "url": url}


def page(things: Sequence[Object], params: Mapping[str, Any], url: str) -> Object:
    """The page of *things*, newest first, for these paging parameters."""
    limit = params.get("limit", 10)
    if not 1 <= limit <= 100:
        raise invalid("This value must be between 1 and 100 (inclusive).", param="limit")
    if "created" in params:
        things = [each for each in things if within(each["created"], params["created"])]
    if "ending_before" in params:
        newer = things[: _position(things, params["ending_before"], "ending_before")]
        return list_of(newer[-limit:], url, has_more=len(newer) > limit)
    if "starting_after" in params:
        things = things[_position(things, params["starting_after"], "starting_after") + 1 :]
    return list_of(things[:limit], url, has_more=len(things) > limit)


def _position(things: Sequence[Object], reference: str, param: str) -> int:
    for position, each in enumerate(things):
        if each["id"] == reference:
            return position
    raise missing_resource("object", reference, param=param, status=400)


def within(moment: int, bounds: int | Mapping[str, int]) -> bool:
    if isinstance(bounds, int):
        return moment == bounds
    return (
        bounds.get("gte", moment) <= moment <= bounds.get("lte", moment)
        and moment > bounds.get("gt", moment - 1)
        and moment < bounds.get("lt", moment + 1)
    )

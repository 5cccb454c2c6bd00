"""Who asks."""

from typing import Annotated

from fastapi import Depends, Header, HTTPException


async def current_user(x_user: Annotated[str | None, Header()] = None) -> str:
    """The user's id. A header stands here for a session: a real product checks who it is."""
    if not x_user:
        raise HTTPException(401, "say who you are: X-User")
    return x_user


User = Annotated[str, Depends(current_user)]

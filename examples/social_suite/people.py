"""The current user."""

from typing import Annotated

from fastapi import Depends, Header, HTTPException


async def current_user(x_user: Annotated[str | None, Header()] = None) -> str:
    """Return the user's id. A header replaces a session here: a real product authenticates."""
    if not x_user:
        raise HTTPException(401, "send your user id in the header X-User")
    return x_user


User = Annotated[str, Depends(current_user)]

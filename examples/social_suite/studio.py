"""What the product makes and keeps, in memory."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

Paint = Callable[[str, str], Awaitable[str]]
"""Draws a prompt with a model and returns the image's address; some other company's service, which may fail."""


async def paint(prompt: str, model: str) -> str:
    return f"https://images.example/{model}/{abs(hash(prompt))}.png"


@dataclass
class Studio:
    """Images by the name of their request, profiles and posts of each user."""

    paint: Paint = paint
    album: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    profiles: dict[str, set[str]] = field(default_factory=dict)
    posts: dict[str, list[str]] = field(default_factory=dict)

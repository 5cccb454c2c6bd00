"""The product's data, in memory."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

Paint = Callable[[str, str], Awaitable[str]]
"""Generates an image for a prompt with a model and returns its URL; an external service, which may fail."""


async def paint(prompt: str, model: str) -> str:
    return f"https://images.example/{model}/{abs(hash(prompt))}.png"


@dataclass
class Studio:
    """Images by request, and each user's profiles and posts."""

    paint: Paint = paint
    album: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    profiles: dict[str, set[str]] = field(default_factory=dict)
    posts: dict[str, list[str]] = field(default_factory=dict)

"""Colours that can be read: contrast as WCAG 2 measures it."""

from typing import Final

DARKEST, LIGHTEST, BLACK = "#111827", "#ffffff", "#000000"
READABLE: Final = 4.5
"""The contrast that text of ordinary size needs (WCAG 2, level AA)."""
_STEPS: Final = 20


def contrast(one: str, other: str) -> float:
    """The contrast of two colours like `#0f766e`: from 1, the same, to 21, black on white."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def ink_on(background: str) -> str:
    """A colour for text that is readable on *background*: white or nearly black, and black where neither is."""
    readable = (ink for ink in (LIGHTEST, DARKEST) if contrast(ink, background) >= READABLE)
    return next(readable, BLACK)


def readable_on(background: str, colour: str) -> str:
    """The shade of *colour* that is closest to it and readable on *background*."""
    goal = ink_on(background)
    shades = (_mixed(colour, goal, step / _STEPS) for step in range(_STEPS + 1))
    return next(shade for shade in shades if contrast(shade, background) >= READABLE)


def _mixed(colour: str, goal: str, share: float) -> str:
    parts = zip(_parts(colour), _parts(goal), strict=True)
    return "#" + "".join(f"{round(was + (becomes - was) * share):02x}" for was, becomes in parts)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(part / 255) for part in _parts(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return float(part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4)


def _parts(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)

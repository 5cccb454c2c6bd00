"""Markup of charts: elements with presentation attributes and classes alone, as the pages' policy allows no styles."""

from markupsafe import Markup, escape

_DIGITS = 2


def element(name: str, *content: str | Markup, **attributes: str | float | None) -> Markup:
    """Returns an element. Text and attributes are escaped; `_` in the names of attributes stands for `-`."""
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_shown(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inner = Markup("").join(content)
    return Markup(f"<{name}{given}>{inner}</{name}>")  # noqa: S704 - all parts are escaped


def _shown(value: str | float) -> str:
    return f"{value:.{_DIGITS}f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def points(places: list[tuple[float, float]]) -> str:
    """Returns places as the attribute of a line."""
    return " ".join(f"{_shown(float(x))},{_shown(float(y))}" for x, y in places)


def rectangle(corner: tuple[float, float], width: float, height: float) -> str:
    """Returns a rectangle as a part of a path, from one corner of it."""
    x, y, wide, high = (_shown(float(one)) for one in (*corner, width, height))
    return f"M{x} {y}h{wide}v{high}H{x}z"

"""Which time zones there are."""

from functools import cache
from importlib.resources import files

_PSEUDO_ZONES = frozenset({"Factory", "localtime", "posixrules"})
"""Names for "not set" and for the machine's own setting."""


@cache
def _timezones() -> frozenset[str]:
    """The zones of the IANA database that we ship, as machines differ in what they have installed."""
    return frozenset((files("tzdata") / "zones").read_text("ascii").split()) - _PSEUDO_ZONES


def is_timezone(name: str) -> bool:
    """True if *name* is an IANA zone, and not one that stands for the machine's own setting."""
    return name in _timezones()

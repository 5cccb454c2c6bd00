"""How many requests an API key may send."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class RequestRate:
    """Requests a second, in general and for keys of some roles; 0: without a limit."""

    a_second: float
    by_role: Mapping[str, float] = field(default_factory=dict)

    def of(self, role: str) -> float:
        return self.by_role.get(role, self.a_second)


@dataclass(frozen=True)
class RequestRates:
    """The rates of an installation. Each key has them once for every kind of request."""

    requests: RequestRate = RequestRate(100)
    checks: RequestRate = RequestRate(1000)
    """Checks of entitlements, `consume` and `release`."""
    lists: RequestRate = RequestRate(20)
    """Lists and figures, which read many rows."""
    unknown_keys: float = 10
    """By network address, of callers without a valid key."""
    replicas: int = 1
    """API processes that share each rate."""

"""Faults on demand: lost, duplicated and late webhooks; API calls that fail, wait for a lock, or never respond."""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Self, TypeVar

_T = TypeVar("_T")


class _Settable:
    @classmethod
    def of(cls, settings: Mapping[str, object]) -> Self:
        """These settings, and defaults for all others.

        Raises:
            ValueError: a name is unknown or a value is invalid.

        """
        known = {each.name for each in fields(cls)}  # type: ignore[arg-type] # subclasses are dataclasses
        for name, value in settings.items():
            if name not in known:
                raise ValueError(f"unknown fault {name!r}; known are: {', '.join(sorted(known))}")
            if name != "rate_limit":
                _check_number(name, value)
        return cls(**settings)


_RATES = {"drop", "duplicate", "reorder", "refuse", "error_rate", "lost_answer_rate", "fault_after_rate", "lock_rate"}
_ERRORS = range(400, 600)


def _check_number(name: str, value: object) -> None:
    if not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise ValueError(f"{name} must be a number from 0 on, or true or false, not {value!r}")
    if name in _RATES and value > 1:
        raise ValueError(f"{name} is a probability from 0 to 1, not {value!r}")
    if name == "status" and value not in _ERRORS:
        raise ValueError(f"status is an HTTP status of an error, 400 to 599, not {value!r}")


@dataclass(frozen=True)
class WebhookFaults(_Settable):
    drop: float = 0
    duplicate: float = 0
    reorder: float = 0
    """The probability that another pending event of the customer is sent first."""
    delay_s: float = 0
    """The maximum delay of an event; each has its own, so that later events overtake it."""
    refuse: float = 0
    """The probability that the endpoint counts as failed: the event is sent again later."""


@dataclass(frozen=True)
class ApiFaults(_Settable):
    error_rate: float = 0
    """Of all calls: the response is `status`, and nothing was done."""
    status: int = 500
    timeout_after_commit: int | bool = 0
    """How many of the next changing calls are executed but never respond; true: all of them."""
    lost_answer_rate: float = 0
    """Of changing calls: executed, and the connection is cut."""
    fault_after_rate: float = 0
    """Of changing calls: executed, and the response is 500, for a day under that key."""
    lock_rate: float = 0
    """Of changing calls: 429 `lock_timeout`, and nothing was done."""
    delay_s: float = 0
    rate_limit: Mapping[str, float] | None = None
    """`total` and `per_endpoint` requests a second; beyond that 429 `rate_limit`. None: no limit."""

    def __post_init__(self) -> None:
        if self.rate_limit is None:
            return
        if not isinstance(self.rate_limit, Mapping):
            raise ValueError(f"rate_limit is total and per_endpoint, not {self.rate_limit!r}")  # noqa: TRY004 - as the others
        given: Mapping[str, object] = self.rate_limit
        for name, value in given.items():
            if name not in ("total", "per_endpoint"):
                raise ValueError(f"unknown limit {name!r}; known are: per_endpoint, total")
            if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
                raise ValueError(f"rate_limit {name} is a number of requests a second above 0, not {value!r}")


class Faults:
    def __init__(self) -> None:
        self.webhooks = WebhookFaults()
        self.api = ApiFaults()
        self._dice = random.Random()  # noqa: S311 - chance, not a secret

    def happens(self, probability: float) -> bool:
        return self._dice.random() < probability

    def lateness(self) -> float:
        """The delay of an event in seconds."""
        return self._dice.uniform(0, self.webhooks.delay_s)

    def one_of(self, choices: Sequence[_T]) -> _T:
        return self._dice.choice(choices)

    def swallows_answer(self) -> bool:
        """True if this changing call gets no response; counts it."""
        left = self.api.timeout_after_commit
        if left is True or left <= 0:
            return bool(left)
        self.api = replace(self.api, timeout_after_commit=left - 1)
        return True

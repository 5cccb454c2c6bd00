"""Faults on demand: lost, doubled and late webhooks, API calls that fail or never answer."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Self


class _Settable:
    @classmethod
    def of(cls, settings: Mapping[str, object]) -> Self:
        """These settings, each other one as it is by default.

        Raises:
            ValueError: a name is unknown or a value cannot be.

        """
        known = {each.name for each in fields(cls)}  # type: ignore[arg-type] # subclasses are dataclasses
        for name, value in settings.items():
            if name not in known:
                raise ValueError(f"unknown fault {name!r}; known are: {', '.join(sorted(known))}")
            if not isinstance(value, int | float) or value < 0:
                raise ValueError(f"{name} must be a number from 0 on, or true or false, not {value!r}")
            if name in _RATES and value > 1:
                raise ValueError(f"{name} is a probability from 0 to 1, not {value!r}")
            if name == "status" and value not in _ERRORS:
                raise ValueError(f"status is an HTTP status of an error, 400 to 599, not {value!r}")
        return cls(**settings)


_RATES = {"drop", "duplicate", "reorder", "error_rate"}
_ERRORS = range(400, 600)


@dataclass(frozen=True)
class WebhookFaults(_Settable):
    drop: float = 0
    duplicate: float = 0
    reorder: float = 0
    delay_s: float = 0


@dataclass(frozen=True)
class ApiFaults(_Settable):
    error_rate: float = 0
    status: int = 500
    timeout_after_commit: int | bool = 0
    """How many of the next changing calls do their work and never answer; true is all of them."""
    delay_s: float = 0


class Faults:
    def __init__(self) -> None:
        self.webhooks = WebhookFaults()
        self.api = ApiFaults()
        self._dice = random.Random()  # noqa: S311 - chance, not a secret

    def happens(self, probability: float) -> bool:
        return self._dice.random() < probability

    def swallows_answer(self) -> bool:
        """Whether this changing call gets no answer; counts it."""
        left = self.api.timeout_after_commit
        if left is True or left <= 0:
            return bool(left)
        self.api = replace(self.api, timeout_after_commit=left - 1)
        return True

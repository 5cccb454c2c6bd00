"""The rules of limits in a catalog file: hints, mails, grace, and where use is refused."""

import re
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from configuration.validation import Faults, Strict, shown
from domain.features import LimitRule

NEVER = "never"
MAX_PERCENT = 1000
_PERCENT = re.compile(r"([0-9]{1,4}) ?%")


def _percent(written: object) -> int:
    found = _PERCENT.fullmatch(written) if isinstance(written, str) else None
    if found is None or not 1 <= int(found[1]) <= MAX_PERCENT:
        raise ValueError(f"must be a share of the limit in whole percent, written as 80%, not {shown(written)}")
    return int(found[1])


def _hard(written: object) -> int | None:
    return None if written == NEVER else _percent(written)


_Percent = Annotated[int, BeforeValidator(_percent)]


class LimitEntry(Strict):
    """One rule by its name; what it leaves out is as in the default: 80 %, 90 % and 100 %, 110 %, 7 days, 429."""

    warn: _Percent = LimitRule.warn
    mails: list[_Percent] = Field(default_factory=lambda: list(LimitRule.mails))
    hard: Annotated[int | None, BeforeValidator(_hard)] = LimitRule.hard
    grace_days: Annotated[int, Field(ge=0, le=365)] | None = None
    status: Literal[429, 402] = 429

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        faults = []
        if self.hard is not None and self.hard < 100:
            faults.append((("hard",), f"must be at least 100%, or {NEVER}: below it the limit itself is not reached"))
        if self.warn > 100:
            faults.append((("warn",), "must be at most 100%: beyond it a hint comes too late"))
        if sorted(set(self.mails)) != self.mails:
            faults.append((("mails",), "must go from the least to the most, each once"))
        if self.hard == 100 and self.grace_days:
            faults.append((("grace_days",), "there is no grace where use is refused at 100%: raise `hard`"))
        if self.hard is not None and self.hard > 100 and self.grace_days == 0:
            faults.append((("grace_days",), "must be at least 1 where use goes on beyond 100%"))
        if faults:
            raise Faults(faults)
        return self

    def built(self) -> LimitRule:
        grace = LimitRule.grace_days if self.grace_days is None else self.grace_days
        if self.hard == 100:
            grace = 0
        return LimitRule(self.warn, tuple(self.mails), self.hard, grace, self.status)

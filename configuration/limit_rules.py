"""The rules of limits in a catalog file: hints, mails, grace, and where usage is refused."""

import re
from typing import Annotated, Final, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from configuration.validation import Faults, Strict, shown
from domain.catalog.features import LimitRule

NEVER = "never"
FOR_SALE: Final = 402
IN_TIME: Final = 429
"""The HTTP status of a refusal: when more can be bought, and when the counter resets with time."""
MAX_PERCENT = 1000
_PERCENT = re.compile(r"([0-9]{1,4}) ?%")


def _percent(written: object) -> int:
    found = _PERCENT.fullmatch(written) if isinstance(written, str) else None
    if found is None or not 1 <= int(found[1]) <= MAX_PERCENT:
        raise ValueError(f"must be a share of the limit in whole percent, like 80%, not {shown(written)}")
    return int(found[1])


def _hard(written: object) -> int | None:
    return None if written == NEVER else _percent(written)


_PERCENT_SCHEMA = {"type": "string", "pattern": "^[0-9]{1,4} ?%$"}
_Percent = Annotated[int, BeforeValidator(_percent), WithJsonSchema(_PERCENT_SCHEMA)]
_Hard = Annotated[int | None, BeforeValidator(_hard), WithJsonSchema({"anyOf": [_PERCENT_SCHEMA, {"const": NEVER}]})]


class LimitEntry(Strict):
    """A named rule; keys that are left out take the defaults: 80%, 90% and 100%, 110%, 7 days, 429."""

    warn: _Percent = Field(LimitRule.warn, description="from here on responses carry a hint to upgrade; default: 80%")
    mails: list[_Percent] = Field(
        default_factory=lambda: list(LimitRule.mails),
        description="where the customer gets a mail, each once per period; default: [90%, 100%]",
    )
    hard: _Hard = Field(
        LimitRule.hard, description="where usage is refused, like 100% or 110%, or never; default: 110%"
    )
    grace_days: Annotated[int, Field(ge=0, le=365)] | None = Field(
        None, description="for how many days usage may continue beyond 100% once it got there; default: 7"
    )
    status: Literal[429, 402] = Field(IN_TIME, description="the HTTP status of a refusal; default: 429")

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        faults = []
        if self.hard is not None and self.hard < 100:
            faults.append(
                (("hard",), f"must be at least 100%, or {NEVER}: below that the limit itself could not be reached")
            )
        if self.warn > 100:
            faults.append((("warn",), "must be at most 100%: beyond that a hint comes too late"))
        if sorted(set(self.mails)) != self.mails:
            faults.append((("mails",), "must be in ascending order, without repetition"))
        if self.hard is not None and self.mails and self.mails[-1] > self.hard:
            faults.append((("mails",), f"usage never reaches {self.mails[-1]}%: it is refused beyond {self.hard}%"))
        if self.hard == 100 and self.grace_days:
            faults.append((("grace_days",), "there is no grace when usage is refused at 100%: raise `hard`"))
        if self.hard is not None and self.hard > 100 and self.grace_days == 0:
            faults.append((("grace_days",), "must be at least 1 when usage may continue beyond 100%"))
        if faults:
            raise Faults(faults)
        return self

    def built(self) -> LimitRule:
        grace = LimitRule.grace_days if self.grace_days is None else self.grace_days
        if self.hard == 100:
            grace = 0
        return LimitRule(self.warn, tuple(self.mails), self.hard, grace, self.status == FOR_SALE)


def status_of(rule: LimitRule) -> int:
    """A rule's `status`, as written in files."""
    return FOR_SALE if rule.is_for_sale else IN_TIME

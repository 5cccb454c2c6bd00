"""What those who act are called: operators by their address, API keys by their name."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

from domain.audit import Actor, ActorKind
from storage.access.operators import Operator, Operators

FRESH: Final = 30.0
"""Seconds for which the operators of a tenant are kept: names on pages may be so old."""
MOST: Final = 1_000
"""Tenants whose operators are kept."""

_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class People:
    """The operators of a tenant."""

    operators: Sequence[Operator]

    def called(self, actor: Actor) -> str:
        """Returns how a page names who acted."""
        if actor.kind is ActorKind.OPERATOR:
            known = next((one.email for one in self.operators if one.id == actor.id), actor.id)
            return f"operator {known}"
        if actor.kind is ActorKind.CUSTOMER:
            return "the customer"
        return f"{actor.role} key {actor.id}" if actor.kind is ActorKind.KEY else f"command by {actor.id}"

    def in_words(self, text: str) -> str:
        """Returns a text of the journal, with operators named by their address in place of their id."""
        for one in self.operators:
            text = text.replace(one.id, one.email)
        return text


@dataclass
class _Known:
    """The people of a tenant, and ids that are of none of them: of API keys."""

    at: float
    people: People
    others: set[str]

    def has(self, id_: str) -> bool:
        return id_ in self.others or any(one.id == id_ for one in self.people.operators)


@dataclass
class PeopleCache:
    """The people of each tenant."""

    operators: Operators
    _known: dict[str, _Known] = field(default_factory=dict)

    async def of(self, tenant: str, texts: Iterable[str]) -> People:
        """Returns the people of a tenant, as they were within the last half minute; all who are named in *texts*."""
        ids = {found for text in texts for found in _ID.findall(text)}
        known = self._known.get(tenant)
        if known is None or monotonic() - known.at > FRESH or not all(known.has(each) for each in ids):
            if len(self._known) >= MOST:
                self._known.clear()
            known = _Known(monotonic(), People(await self.operators.list(tenant)), set())
            self._known[tenant] = known
        known.others |= {each for each in ids if not known.has(each)}
        return known.people

"""What those who act are called: operators by their address, API keys by their name."""

from collections.abc import Sequence
from dataclasses import dataclass

from api.console.visits import Visit
from domain.audit import Actor, ActorKind
from storage.access.operators import Operator


@dataclass(frozen=True)
class People:
    """The operators of a tenant."""

    operators: Sequence[Operator]

    def called(self, actor: Actor) -> str:
        """Return how a page names who acted."""
        if actor.kind is ActorKind.OPERATOR:
            known = next((one.email for one in self.operators if one.id == actor.id), actor.id)
            return f"operator {known}"
        if actor.kind is ActorKind.CUSTOMER:
            return "the customer"
        return f"{actor.role} key {actor.id}" if actor.kind is ActorKind.KEY else f"command by {actor.id}"

    def in_words(self, text: str) -> str:
        """Return a text of the journal, with operators named by their address in place of their id."""
        for one in self.operators:
            text = text.replace(one.id, one.email)
        return text


async def people_of(visit: Visit) -> People:
    """Return the people of the visitor's tenant."""
    return People(await visit.repositories.operators.list(visit.tenant))

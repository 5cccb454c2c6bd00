"""Steps of the client carried out by hand: no network, and a clock that stands until it is moved."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from tenure.client.core import Core, Done, Options, Send, Steps, Wait, advance
from tenure.client.requests import Answer, Call, Lost, Reply

T = TypeVar("T")

GONE = Lost(ConnectionError("connection refused"))


def answer(said: object, status: int = 200, **headers: str) -> Answer:
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, json.dumps(said).encode())


def problem(status: int, code: str, **members: Any) -> Answer:
    headers = {"retry_after": str(members.pop("retry_after"))} if "retry_after" in members else {}
    return answer({"code": code, "status": status, "detail": f"it is {code}", **members}, status, **headers)


def standing(plan: str = "pro", **more: Any) -> dict[str, Any]:
    return {"customer": "ada", "plan": {"code": plan, "name": plan.title()}, "basis": "plan", **more}


def entitlement(feature: str = "ai_inbox", **more: Any) -> dict[str, Any]:
    return standing() | {"feature": feature, "kind": "switch", "allowed": True, "value": True, "window": None} | more


@dataclass
class Other:
    """The other side: answers one after the other, and what was sent and waited for."""

    options: Options = field(default_factory=Options)
    now: float = 1000.0
    sent: list[Call[Any]] = field(default_factory=list)
    within: list[float] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.core = Core(self.options, lambda: self.now)

    def carry_out(self, steps: Steps[T], *replies: Reply) -> T:
        """Answer what is sent with *replies* in turn; all of them must be asked for."""
        left, reply = list(replies), None
        while not isinstance(step := advance(steps, reply), Done):
            if isinstance(step, Send):
                reply = self._answer(step, left)
            else:
                assert isinstance(step, Wait), "somebody else asks for the same"
                reply = None
                self.waited.append(step.seconds)
                self.now += step.seconds
        assert left == [], f"{len(left)} answers were not asked for"
        return step.result

    def _answer(self, step: Send, left: list[Reply]) -> Reply:
        assert left, f"{step.call.method} {step.call.path} was not to be sent"
        self.sent.append(step.call)
        self.within.append(step.within)
        return left.pop(0)


def keys(sent: Sequence[Call[Any]]) -> set[str | None]:
    return {call.key or (call.body or {}).get("key") for call in sent}

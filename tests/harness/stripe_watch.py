"""Whatever any test asks of the simulator, and is answered, is held against the types of Stripe's SDK."""

import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache

import pytest
from starlette.requests import Request

from sandbox.stripe.app import Api, params_of
from sandbox.stripe.errors import StripeFailure
from sandbox.stripe.idempotency import Answer
from tests.harness.stripe_checks import answer_problems, parameter_problems

DECLINED = 402
Answering = Callable[[Api, Request, str | None], Awaitable[Answer]]


class StripeWatch:
    """What was found; a call that the simulator refuses is not looked at, unless a card was asked."""

    def __init__(self) -> None:
        self._problems: list[str] = []

    def taken(self) -> list[str]:
        """The problems found since this was last asked."""
        problems, self._problems = self._problems, []
        return problems

    def watched(self, answering: Answering) -> Answering:
        async def answer(api: Api, request: Request, key: str | None) -> Answer:
            try:
                answer = await answering(api, request, key)
            except StripeFailure as failure:
                if failure.status == DECLINED:
                    await self._look_at_call(request)
                raise
            if answer.status in (200, DECLINED):
                await self._look_at_call(request)
            if answer.status == 200:
                self._note(request, _problems_of_answer(request.method.lower(), request.url.path, answer.body))
            return answer

        return answer

    async def _look_at_call(self, request: Request) -> None:
        found = parameter_problems(request.method.lower(), request.url.path, await params_of(request))
        self._note(request, found)

    def _note(self, request: Request, found: Sequence[str]) -> None:
        self._problems += [f"{request.method} {request.url.path}: {each}" for each in found]


@lru_cache(maxsize=1_000)
def _problems_of_answer(method: str, path: str, body: str) -> Sequence[str]:
    """What is asked again and again while a test waits is mostly answered as before."""
    return tuple(answer_problems(method, path, json.loads(body)))


@contextmanager
def watching() -> Iterator[StripeWatch]:
    """Watch every simulator of this process while the block runs."""
    watch = StripeWatch()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Api, "_answer", watch.watched(Api._answer))
        yield watch

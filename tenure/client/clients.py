"""The two clients: one to await, one that blocks. All they do is carry out steps (`tenure.client.core`)."""

import asyncio
import json
import time
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import wait
from contextlib import closing, suppress
from functools import wraps
from inspect import Parameter, signature
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import httpx

from tenure.client import gating, operations, subscribing
from tenure.client.calls import Answer, Lost, Reply
from tenure.client.core import Core, Done, Join, Options, Send, Steps, Wait, advance

P = ParamSpec("P")
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


CONNECTIONS = 100
"""At once; all of them stay open, as they are wanted again the next moment."""


class _Client:
    """What both have in common."""

    def __init__(self, url: str, key: str, options: Options) -> None:
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"{url!r} is no address of an API: it begins with https:// or http://")
        self._at: Mapping[str, Any] = {
            "base_url": url.rstrip("/"),
            "limits": httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
            "headers": {"Authorization": f"Bearer {key}", "Accept": "application/json"},
        }
        self._core = Core(options)

    def invalidate(self, customer: str | None = None) -> None:
        """Go by nothing that was known before: of one customer, or of all."""
        self._core.memory.forget(customer)

    def _how(self, send: Send) -> dict[str, Any]:
        call = send.call
        headers = {"Idempotency-Key": call.key} if call.key else {}
        content = None
        if call.body is not None:
            # In ASCII alone: so anything can be sent that a string may hold, and Tenure says what it cannot be.
            content, headers["Content-Type"] = json.dumps(call.body, allow_nan=False).encode(), "application/json"
        return {
            "method": call.method,
            "url": call.path,
            "params": dict(call.query),
            "content": content,
            "headers": headers,
            "timeout": send.within,
        }


def _awaited(
    operation: Callable[Concatenate[Core, P], Steps[T]],
) -> Callable[Concatenate["AsyncTenure", P], Coroutine[Any, Any, T]]:
    @wraps(operation)
    async def method(client: "AsyncTenure", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await client._carry_out(operation(client._core, *args, **kwargs))  # noqa: SLF001 - its own

    return _as_method(method)


def _blocking(operation: Callable[Concatenate[Core, P], Steps[T]]) -> Callable[Concatenate["Tenure", P], T]:
    @wraps(operation)
    def method(client: "Tenure", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return client._carry_out(operation(client._core, *args, **kwargs))  # noqa: SLF001 - its own

    return _as_method(method)


def _as_method(method: F) -> F:
    """For `help` and editors: *self* in place of what operations take first."""
    _core, *rest = signature(method).parameters.values()
    itself = Parameter("self", Parameter.POSITIONAL_ONLY)
    method.__signature__ = signature(method).replace(parameters=[itself, *rest])  # type: ignore[attr-defined]
    return method


class AsyncTenure(_Client):
    """Tenure, for code that awaits. One for the whole process; close it at the end, or use it as a context."""

    def __init__(self, url: str, key: str, options: Options | None = None) -> None:
        """*url* of the API and an API key of role `service`; *options* say how patient and how forgetful to be."""
        super().__init__(url, key, options or Options())
        self._http = httpx.AsyncClient(**self._at)

    standing = _awaited(operations.standing)
    entitlements = _awaited(operations.entitlements)
    check = _awaited(operations.check)
    consume = _awaited(operations.consume)
    release = _awaited(operations.release)
    set_usage = _awaited(operations.set_usage)
    reset_usage = _awaited(operations.reset_usage)
    record = _awaited(operations.record)
    usage = _awaited(operations.usage)
    usage_history = _awaited(operations.usage_history)

    require_feature = _awaited(gating.require_feature)
    require_plan = _awaited(gating.require_plan)
    require_active_subscription = _awaited(gating.require_active_subscription)

    customer = _awaited(subscribing.customer)
    start_trial = _awaited(subscribing.start_trial)
    subscribe = _awaited(subscribing.subscribe)
    subscription = _awaited(subscribing.subscription)
    change_plan = _awaited(subscribing.change_plan)
    preview_change = _awaited(subscribing.preview_change)
    withdraw_change = _awaited(subscribing.withdraw_change)
    convert = _awaited(subscribing.convert)
    put_payment_method = _awaited(subscribing.put_payment_method)
    cancel = _awaited(subscribing.cancel)
    uncancel = _awaited(subscribing.uncancel)
    pause = _awaited(subscribing.pause)
    resume = _awaited(subscribing.resume)
    checkout = _awaited(subscribing.checkout)
    portal = _awaited(subscribing.portal)
    plans = _awaited(subscribing.plans)
    plan = _awaited(subscribing.plan)
    compare = _awaited(subscribing.compare)
    suggest = _awaited(subscribing.suggest)

    async def aclose(self) -> None:
        """Close its connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _carry_out(self, steps: Steps[T]) -> T:
        reply: Reply | None = None
        with closing(steps):  # also when it is broken off: others may wait for what comes of it
            while not isinstance(step := advance(steps, reply), Done):
                reply = await self._do(step)
        return step.result

    async def _do(self, step: Send | Wait | Join) -> Reply | None:
        match step:
            case Send():
                return await self._send(step)
            case Wait(seconds):
                await asyncio.sleep(seconds)
            case Join(flight, within):
                with suppress(TimeoutError):
                    await asyncio.wait_for(asyncio.wrap_future(flight.landed), within)
        return None

    async def _send(self, step: Send) -> Reply:
        try:
            answer = await self._http.request(**self._how(step))
        except httpx.TransportError as error:
            return Lost(error)
        return _answer(answer)


class Tenure(_Client):
    """Tenure, for code that blocks. One for the whole process, threads may share it; close it at the end."""

    def __init__(self, url: str, key: str, options: Options | None = None) -> None:
        """*url* of the API and an API key of role `service`; *options* say how patient and how forgetful to be."""
        super().__init__(url, key, options or Options())
        self._http = httpx.Client(**self._at)

    standing = _blocking(operations.standing)
    entitlements = _blocking(operations.entitlements)
    check = _blocking(operations.check)
    consume = _blocking(operations.consume)
    release = _blocking(operations.release)
    set_usage = _blocking(operations.set_usage)
    reset_usage = _blocking(operations.reset_usage)
    record = _blocking(operations.record)
    usage = _blocking(operations.usage)
    usage_history = _blocking(operations.usage_history)

    require_feature = _blocking(gating.require_feature)
    require_plan = _blocking(gating.require_plan)
    require_active_subscription = _blocking(gating.require_active_subscription)

    customer = _blocking(subscribing.customer)
    start_trial = _blocking(subscribing.start_trial)
    subscribe = _blocking(subscribing.subscribe)
    subscription = _blocking(subscribing.subscription)
    change_plan = _blocking(subscribing.change_plan)
    preview_change = _blocking(subscribing.preview_change)
    withdraw_change = _blocking(subscribing.withdraw_change)
    convert = _blocking(subscribing.convert)
    put_payment_method = _blocking(subscribing.put_payment_method)
    cancel = _blocking(subscribing.cancel)
    uncancel = _blocking(subscribing.uncancel)
    pause = _blocking(subscribing.pause)
    resume = _blocking(subscribing.resume)
    checkout = _blocking(subscribing.checkout)
    portal = _blocking(subscribing.portal)
    plans = _blocking(subscribing.plans)
    plan = _blocking(subscribing.plan)
    compare = _blocking(subscribing.compare)
    suggest = _blocking(subscribing.suggest)

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _carry_out(self, steps: Steps[T]) -> T:
        reply: Reply | None = None
        with closing(steps):
            while not isinstance(step := advance(steps, reply), Done):
                reply = self._do(step)
        return step.result

    def _do(self, step: Send | Wait | Join) -> Reply | None:
        match step:
            case Send():
                return self._send(step)
            case Wait(seconds):
                time.sleep(seconds)
            case Join(flight, within):
                wait([flight.landed], within)
        return None

    def _send(self, step: Send) -> Reply:
        try:
            answer = self._http.request(**self._how(step))
        except httpx.TransportError as error:
            return Lost(error)
        return _answer(answer)


def _answer(answer: httpx.Response) -> Answer:
    return Answer(answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, answer.content)

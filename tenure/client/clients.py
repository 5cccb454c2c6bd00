"""The two clients, async and blocking. They only run the steps of `tenure.client.core`."""

import asyncio
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
from tenure.client.core import Core, Done, Join, Options, Send, Steps, Wait, advance
from tenure.client.deadlines import Deadline
from tenure.client.errors import CannotSend
from tenure.client.requests import Answer, Lost, Reply

P = ParamSpec("P")
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


LONGEST_LABEL, LARGEST_PORT = 64, 65_535
CONNECTIONS = 100
"""Maximum number of connections; all are kept alive for reuse."""


MISTAKES = (
    *(httpx.LocalProtocolError, httpx.UnsupportedProtocol, httpx.InvalidURL, httpx.CookieConflict),
    *(RuntimeError, ValueError, TypeError),  # a closed client, a closed loop, an invalid host
)
"""Errors that httpx raises before anything is sent; some are subclasses of TransportError."""
LOST = (httpx.TransportError, httpx.DecodingError, OSError)


class _Client:
    """What both clients share."""

    def __init__(self, url: str, key: str, options: Options) -> None:
        self._at: Mapping[str, Any] = {
            "base_url": _checked_url(url),
            "limits": httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
            "headers": {"Authorization": f"Bearer {_checked_key(key)}", "Accept": "application/json"},
        }
        self._core = Core(options)

    def invalidate(self, customer: str | None = None) -> None:
        """Drop the cache of one customer, or of all."""
        self._core.memory.forget(customer)

    def _how(self, send: Send) -> dict[str, Any]:
        call, content = send.call, send.call.content
        headers = {"Idempotency-Key": call.key} if call.key else {}
        if content is not None:
            headers["Content-Type"] = "application/json"
        return {
            "method": call.method,
            "url": call.path,
            "params": dict(call.query),
            "content": content,
            "headers": headers,
            "timeout": send.within,
        }


def _checked_key(key: object) -> str:
    """The key, if it is valid in a header; errors never contain it, as they are logged."""
    if not isinstance(key, str) or not key:
        raise ValueError("there is no API key: is the setting that should hold it there?")
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise ValueError(
            "the API key cannot be sent: it holds blanks, line breaks or letters that no key of Tenure has"
        )
    return key


def _checked_url(url: object) -> str:
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        raise ValueError(f"{url!r} is no address of an API: it begins with https:// or http://")
    try:
        found = httpx.URL(url)
        names = found.raw_host.split(b".")
        is_known = found.host and " " not in url and all(len(one) < LONGEST_LABEL for one in names)
    except httpx.InvalidURL as error:
        raise ValueError(f"this is no address of an API: {error}") from None
    if not is_known or (found.port or 0) > LARGEST_PORT or found.query or found.fragment:
        raise ValueError("this is no address of an API: it is a host, and perhaps a path, without ? and #")
    return url.rstrip("/")


def _no_answer(error: Exception) -> Reply:
    """The lost reply, for the decision whether to retry.

    Raises:
        CannotSend: nothing was sent, so a retry is of no use.
    """
    if isinstance(error, MISTAKES) and not isinstance(error, OSError):
        raise CannotSend(f"nothing was sent: {type(error).__name__} {error}", code="cannot_send") from error
    return Lost(error)


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
    """For `help` and editors: *self* in place of the operation's first parameter."""
    _core, *rest = signature(method).parameters.values()
    itself = Parameter("self", Parameter.POSITIONAL_ONLY)
    method.__signature__ = signature(method).replace(parameters=[itself, *rest])  # type: ignore[attr-defined]
    return method


class AsyncTenure(_Client):
    """The async client. Use one per process; close it at the end, or use it as a context manager."""

    def __init__(self, url: str, key: str, options: Options | None = None) -> None:
        """*url* of the API and an API key of role `service`; *options* set timeouts, retries and caching."""
        super().__init__(url, key, options or Options())
        self._tls = httpx.create_ssl_context()
        self._by_loop: dict[asyncio.AbstractEventLoop, httpx.AsyncClient] = {}
        self._is_closed = False

    standing = _awaited(operations.standing)
    entitlements = _awaited(operations.entitlements)
    check = _awaited(operations.check)
    consume = _awaited(operations.consume)
    release = _awaited(operations.release)
    give_back = _awaited(operations.give_back)
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
        """Close the connections of the running event loop."""
        self._is_closed = True
        mine = self._by_loop.pop(asyncio.get_running_loop(), None)
        if mine is not None:
            await mine.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _carry_out(self, steps: Steps[T]) -> T:
        reply: Reply | None = None
        with closing(steps):  # also on cancellation: other callers may wait for the outcome
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
        how = self._how(step)
        try:
            async with asyncio.timeout(step.at_most):
                return _answer(await self._http().request(**how))
        except TimeoutError:
            return Lost(httpx.ReadTimeout(f"no whole answer within {step.at_most:.3g} s"))
        except (*MISTAKES, *LOST) as error:
            return _no_answer(error)

    def _http(self) -> httpx.AsyncClient:
        """The HTTP client of the running loop: connections belong to the loop that opened them."""
        loop = asyncio.get_running_loop()
        found = self._by_loop.get(loop)
        if found is None:
            if self._is_closed:
                raise RuntimeError("the client has been closed")
            for gone in [one for one in self._by_loop if one.is_closed()]:
                del self._by_loop[gone]
            found = self._by_loop[loop] = httpx.AsyncClient(**self._at, verify=self._tls)
        return found


class Tenure(_Client):
    """The blocking client. Use one per process, shared by its threads; close it at the end."""

    def __init__(self, url: str, key: str, options: Options | None = None) -> None:
        """*url* of the API and an API key of role `service`; *options* set timeouts, retries and caching."""
        super().__init__(url, key, options or Options())
        self._http = httpx.Client(**self._at)
        self._deadline = Deadline()
        self._deadline.hold(self._http)

    standing = _blocking(operations.standing)
    entitlements = _blocking(operations.entitlements)
    check = _blocking(operations.check)
    consume = _blocking(operations.consume)
    release = _blocking(operations.release)
    give_back = _blocking(operations.give_back)
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
        """Close the connections."""
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
        how = self._how(step)
        try:
            with self._deadline.within(step.at_most):
                return _answer(self._http.request(**how))
        except (*MISTAKES, *LOST) as error:
            return _no_answer(error)


def _answer(answer: httpx.Response) -> Answer:
    return Answer(answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, answer.content)

"""The API over HTTP: authentication, requests and responses."""

import asyncio
import base64
import json
import logging
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from sandbox.stripe.errors import StripeFailure, invalid, unauthorized
from sandbox.stripe.events import API_VERSION
from sandbox.stripe.expand import expanded
from sandbox.stripe.faults import Faults
from sandbox.stripe.gates import Gates
from sandbox.stripe.idempotency import Answer, IdempotencyKeys, fingerprint_of
from sandbox.stripe.ids import new_id
from sandbox.stripe.locks import Locks, lock_timeout
from sandbox.stripe.params import Params, decode
from sandbox.stripe.rates import Rates
from sandbox.stripe.routes import Call, all_calls
from sandbox.stripe.world import World

SILENT_FOR = 1.0
"""Seconds before a connection whose response is lost is cut: like a timeout for the caller, but sooner."""

KEPT_REFUSALS = frozenset({400, 403, 404})
"""Besides declines; a wrong key or too many calls are rejected before execution begins."""
BROKEN = "The simulator itself failed; its log says how."

_log = logging.getLogger(__name__)

CallRecord = tuple[str, str, str | None, int]


class Api:
    def __init__(self, world: World, api_key: str, faults: Faults) -> None:
        self._world = world
        self._api_key = api_key
        self._faults = faults
        self._keys = IdempotencyKeys(world.store)
        self._locks = Locks(world.store, world.clocks)
        self._rates = Rates()
        self._calls = all_calls()
        self.log: list[CallRecord] = []
        self.lost_answers = 0
        self.gates = Gates()
        self.stopping = asyncio.Event()

    async def respond(self, request: Request) -> Response:
        key = request.headers.get("Idempotency-Key") if request.method == "POST" else None
        headers: Mapping[str, str] = {}
        try:
            self._admit(request)
            await self.gates.let_pass(request.method, request.url.path, is_done=False)
            answer = await self._answer(request, key)
        except StripeFailure as failure:
            answer, headers = Answer(failure.status, json.dumps(failure.body)), failure.headers
        await self.gates.let_pass(request.method, request.url.path, is_done=True)
        self.log.append((request.method, request.url.path, key, answer.status))
        if request.method != "GET" and answer.status < 500:
            is_swallowed = self._faults.swallows_answer()
            if is_swallowed or self._faults.happens(self._faults.api.lost_answer_rate):
                self.lost_answers += 1
                if is_swallowed:
                    await self._stay_silent(request)
                return _CutOff()
        return _response(answer, key, headers)

    def _admit(self, request: Request) -> None:
        given = _key_of(request.headers.get("Authorization", ""))
        if not given:
            raise unauthorized("You did not provide an API key. Set it as a Bearer token in the Authorization header.")
        if given != self._api_key:
            raise unauthorized(f"Invalid API Key provided: {given[:3]}***{given[-4:]}")
        version = request.headers.get("Stripe-Version", API_VERSION)
        if version != API_VERSION:
            raise invalid(f"This simulator speaks API version {API_VERSION}, not {version}.")
        limits = self._faults.api.rate_limit
        self._rates.admit(self._endpoint(request.method, request.url.path) if limits else "", limits)

    def _endpoint(self, method: str, path: str) -> str:
        """As Stripe counts: calls of one kind are one endpoint, for whichever object."""
        return f"{method} {self._find(method, path)[0].path.pattern}"

    async def _answer(self, request: Request, key: str | None) -> Answer:
        path = request.url.path
        params = await params_of(request)
        fingerprint = fingerprint_of(request.method, path, params)
        if key is None:
            return await self._run(request.method, path, params, None, fingerprint)
        earlier = self._keys.enter(key, fingerprint)
        if earlier is not None:
            return earlier
        try:
            return await self._run(request.method, path, params, key, fingerprint)
        finally:
            self._keys.leave(key)

    async def _run(self, method: str, path: str, params: Params, key: str | None, fingerprint: str) -> Answer:
        call, ids = self._find(method, path)
        if method == "GET":
            await self._dawdle()
            self._fail_by_chance(key, fingerprint)
            return self._perform(call, ids, call.shape.read(params), key, fingerprint)
        with self._locks.held(ids, params):
            await self._dawdle()
            self._fail_by_chance(key, fingerprint)
            if self._faults.happens(self._faults.api.lock_rate):
                raise lock_timeout()
            return self._perform_and_fail(call, ids, call.shape.read(params), key, fingerprint)

    async def _dawdle(self) -> None:
        if self._faults.api.delay_s:
            await asyncio.sleep(self._faults.api.delay_s)

    def _perform_and_fail(self, call: Call, ids: Params, params: Params, key: str | None, fingerprint: str) -> Answer:
        """Execute the call and, with some probability, respond with a fault anyway."""
        fails = self._faults.happens(self._faults.api.fault_after_rate)
        try:
            answer = self._perform(call, ids, params, key, fingerprint)
        except StripeFailure as failure:
            if not fails or not failure.ran:
                raise
        else:
            if not fails:
                return answer
        raise self._kept_fault(500, "An injected fault: the call was executed anyway.", key, fingerprint)

    def _fail_by_chance(self, key: str | None, fingerprint: str) -> None:
        faults = self._faults.api
        if self._faults.happens(faults.error_rate):
            raise self._kept_fault(faults.status, "An injected fault: nothing was done.", key, fingerprint)

    def _kept_fault(self, status: int, message: str, key: str | None, fingerprint: str) -> StripeFailure:
        """As at Stripe, server errors and refusals are stored under the key, and returned again for a day."""
        kind = "api_error" if status >= 500 else "invalid_request_error"
        code = "rate_limit" if status == 429 else None
        failure = StripeFailure(status, kind, message, code=code)
        if key is not None and (status >= 500 or status in KEPT_REFUSALS):
            self._keys.keep(key, fingerprint, Answer(status, json.dumps(failure.body)))
        return failure

    def _find(self, method: str, path: str) -> tuple[Call, Params]:
        for call in self._calls:
            match = call.path.fullmatch(path)
            if match and call.method == method:
                return call, {name: unquote(value) for name, value in match.groupdict().items()}
        raise StripeFailure(
            404,
            "invalid_request_error",
            f"Unrecognized request URL ({method}: {path}). The simulator answers the calls that Tenure makes.",
        )

    def _perform(self, call: Call, ids: Params, params: Params, key: str | None, fingerprint: str) -> Answer:
        """Execute the call and store its response in one transaction; a refusal rolls back, except what it keeps."""
        world = self._world
        refusal: StripeFailure | None = None
        world.events.request = (new_id("req", 14) if call.method != "GET" else None, key)
        try:
            with world.store.transaction():
                try:
                    thing = call.act(world, ids, params)
                    answer = Answer(200, json.dumps(expanded(world, thing, params.get("expand", []))))
                except StripeFailure as failure:
                    if not failure.keeps:
                        raise
                    refusal = failure
                    answer = Answer(failure.status, json.dumps(failure.body))
                if key is not None:
                    self._keys.keep(key, fingerprint, answer)
        except StripeFailure as failure:
            # As at Stripe: parameters were valid, so execution had begun, and its result is stored.
            if key is not None:
                self._keys.keep(key, fingerprint, Answer(failure.status, json.dumps(failure.body)))
            raise
        except Exception:  # noqa: BLE001 - whatever went wrong, Stripe answers 500
            _log.exception("%s failed in the simulator", call.path.pattern)
            answer = Answer(500, json.dumps(StripeFailure(500, "api_error", BROKEN).body))
            if key is not None:
                self._keys.keep(key, fingerprint, answer)
            return answer
        finally:
            world.events.request = (None, None)
        if refusal is not None:
            raise refusal
        return answer

    async def _stay_silent(self, request: Request) -> None:
        """Hold the connection until the caller gives up, the simulator stops, or the time is over."""
        gone = asyncio.create_task(_client_gone(request))
        stopping = asyncio.create_task(self.stopping.wait())
        _, left = await asyncio.wait({gone, stopping}, timeout=SILENT_FOR, return_when="FIRST_COMPLETED")
        for task in left:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


class _CutOff(Response):
    """Starts a response that never comes, so that the server closes the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})


async def _client_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _key_of(authorization: str) -> str:
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() == "basic":
        with suppress(ValueError):
            return base64.b64decode(rest).decode().partition(":")[0]
    return ""


async def params_of(request: Request) -> Params:
    """The parameters of URL and form, as nested values."""
    query = decode(request.url.query)
    body = decode((await request.body()).decode()) if request.method == "POST" else {}
    return {**query, **body}


def _response(answer: Answer, key: str | None, more: Mapping[str, str]) -> Response:
    headers = {"Request-Id": new_id("req", 14), "Stripe-Version": API_VERSION, **more}
    if key is not None:
        headers["Idempotency-Key"] = key
    if answer.replayed:
        headers["Idempotent-Replayed"] = "true"
    return Response(answer.body, answer.status, headers, media_type="application/json")

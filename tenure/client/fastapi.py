"""Gates for FastAPI: who may come in, and what it uses up.

    gate = Gate(tenure, customer=current_customer)
    answer_refusals(app)

    @app.post("/inbox", dependencies=[gate.require_feature("ai_inbox")])
    async def inbox(): ...

    @app.post("/images")
    @gate.consume("images_per_month")
    async def draw(wish: Wish, used: Used): ...

What a gate gives stands in the place of a `Depends`, in `dependencies=[...]` or `Annotated[..., ...]`, and is a
decorator as well.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from inspect import isawaitable, signature
from typing import Annotated, Any, Literal, ParamSpec, TypeVar

import anyio
from fastapi import Depends, FastAPI, Request, Response
from fastapi.params import Depends as Marker
from fastapi.responses import JSONResponse

from tenure.client.clients import AsyncTenure
from tenure.client.core import new_key
from tenure.client.decorating import Handler, behind, counting
from tenure.client.entitlements import Entitlement, Standing, Used
from tenure.client.errors import (
    Conflict,
    Denied,
    Malformed,
    NotFound,
    PaymentDeclined,
    TenureError,
    Unavailable,
)

log = logging.getLogger("tenure.client")

T = TypeVar("T")
P = ParamSpec("P")
Of = Callable[..., T | Awaitable[T]]
"""Told by the request, the one argument; to decorators also by what the handler is given, arguments of these names."""

NOTHING: Mapping[str, Any] = {}
GIVEN_BACK_WITHIN = 5.0
"""Seconds that a failed request waits until what it took is given back."""
PASSED_ON = {"ratelimit": "RateLimit", "ratelimit-policy": "RateLimit-Policy", "retry-after": "Retry-After"}
OF_USERS = frozenset(
    {"value", "quantity", "plan", "interval", "add_ons", "payment_method", "resumes_at"}
    | {"email", "name", "timezone", "locale"}
)
"""Fields that a product's users fill in. All others, as a feature's name or a key, are the product's own."""
NOBODY = frozenset({"unknown_customer", "no_subscription"})
"""Codes that say that a customer has not signed up. Any other unknown name is the product's own."""
AWAY = "whether this may be done cannot be told right now; try again in a moment"
AWAY_FOR = 5


@dataclass(frozen=True)
class Requirement(Marker):
    """Stands for a `Depends`; and decorates."""

    decorate: Callable[[Handler], Handler] = field(kw_only=True)

    def __call__(self, handler: Callable[P, T]) -> Callable[P, T]:
        """The handler behind the gate."""
        gated: Callable[P, T] = self.decorate(handler)
        return gated


def idempotency_key(request: Request) -> str | None:
    """The key by which a customer's program names its request, for `Gate.consume(key=...)`."""
    return request.headers.get("Idempotency-Key")


@dataclass(frozen=True)
class _Asked:
    """Who asks for what."""

    request: Request
    response: Response
    customer: str


@dataclass(frozen=True)
class _Take:
    """What a request uses up."""

    feature: str
    quantity: int | Of[int]
    key: Callable[[Request], str | None] | None


class Gate:
    """Lets requests in by what their customer is entitled to."""

    def __init__(
        self,
        tenure: AsyncTenure,
        customer: Callable[..., Any],
        *,
        when_unavailable: Literal["refuse", "allow"] = "refuse",
    ) -> None:
        """A gate of a product.

        Args:
            tenure: the client.
            customer: tells whose request it is, by your own id for them: any dependency of FastAPI.
            when_unavailable: what becomes of requests that Tenure cannot be asked about, and that nothing is known of.
        """
        self._tenure = tenure
        self._customer = customer
        self._opens = when_unavailable == "allow"
        self._gauges: dict[str, bool] = {}

    def require_plan(self, at_least: str | None = None, *, one_of: Collection[str] = ()) -> Requirement:
        """Only on a plan that is *at_least* this one by its price, or is *one_of* these. Gives a `Standing`."""

        async def decide(asked: _Asked) -> Standing:
            return await self._tenure.require_plan(asked.customer, at_least, one_of=one_of)

        return self._requirement(decide, _unknown_standing)

    def require_active_subscription(self) -> Requirement:
        """Only with a subscription that lets the customer in. Gives a `Standing`."""

        async def decide(asked: _Asked) -> Standing:
            return await self._tenure.require_active_subscription(asked.customer)

        return self._requirement(decide, _unknown_standing)

    def require_feature(self, feature: str, value: str | Of[str | None] | None = None) -> Requirement:
        """Only with this feature, or this *value* of a set or level. Nothing is counted. Gives an `Entitlement`."""

        async def decide(asked: _Asked) -> Entitlement:
            wanted = await _told(value, asked.request)
            return await self._tenure.require_feature(asked.customer, feature, value=wanted)

        return self._requirement(
            decide, lambda asked: Entitlement(feature, kind="", allowed=True, customer=asked.customer, stale=True)
        )

    def consume(
        self, feature: str, quantity: int | Of[int] = 1, *, key: Callable[[Request], str | None] | None = None
    ) -> Requirement:
        """Count a use before the handler runs; refused, the handler does not run. Gives a `Used`.

        As a decorator it counts last of all, when the request has been found right, and fills a parameter of the
        handler that is declared as `Used`; *quantity* may be told by the handler's own parameters, as
        `lambda wish: wish.count`. As a dependency it counts before FastAPI looks at the body.

        When the handler fails, what it took of a gauge is released. A counter stays as it is: what was used in a period
        is not given back.

        With a *key*, as `idempotency_key`, a request that is sent again is not counted again: `Used.repeated` tells.
        Then answer it with what was made the first time, else whoever repeats a key is served for nothing.
        """
        take = _Take(feature, quantity, key)

        async def dependency(asked: Annotated[_Asked, Depends(self._asked())]) -> AsyncIterator[Used]:
            used = await self._use(asked, take)
            try:
                yield used
            except BaseException:
                await self._give_back(asked.customer, used)
                raise

        def decorate(handler: Handler) -> Handler:
            async def run(asked: _Asked, given: Mapping[str, Any], call: Callable[[Used], Awaitable[Any]]) -> Any:
                used = await self._use(asked, take, given)
                try:
                    answer = await call(used)
                except BaseException:
                    await self._give_back(asked.customer, used)
                    raise
                if isinstance(answer, Response) and answer.status_code >= 400:
                    await self._give_back(asked.customer, used)
                return answer

            return counting(handler, self._asked(), run)

        return Requirement(dependency, scope="function", use_cache=False, decorate=decorate)

    def _asked(self) -> Callable[..., Awaitable[_Asked]]:
        customer_of = self._customer

        async def asked(request: Request, response: Response, customer: Annotated[str, Depends(customer_of)]) -> _Asked:
            return _Asked(request, response, customer)

        return asked

    def _requirement(self, decide: Callable[[_Asked], Awaitable[T]], unknown: Callable[[_Asked], T]) -> Requirement:
        async def dependency(asked: Annotated[_Asked, Depends(self._asked())]) -> T:
            try:
                return await decide(asked)
            except Unavailable:
                if not self._opens:
                    raise
                return unknown(asked)

        return Requirement(dependency, decorate=lambda handler: behind(handler, dependency))

    async def _use(self, asked: _Asked, take: _Take, given: Mapping[str, Any] = NOTHING) -> Used:
        amount, feature, key = await _told(take.quantity, asked.request, given), take.feature, new_key()
        try:
            key = await self._named(asked, take) or key
            used = await self._tenure.consume(asked.customer, feature, amount, key=key)
        except Unavailable:
            if not self._opens:
                raise
            log.warning("not counted, as Tenure is away: %s of %s for %s", amount, feature, asked.customer)
            return Used(feature, asked.customer, quantity=amount, key=key)
        asked.response.headers.update(passed_on(used.headers))
        return used

    async def _named(self, asked: _Asked, take: _Take) -> str | None:
        """The name of the use, if its request has one. None of a gauge: a failed request gives it back."""
        given = take.key(asked.request) if take.key is not None else None
        if given is None or await self._is_gauge(asked.customer, take.feature):
            return None
        told = (asked.customer, asked.request.method, asked.request.url.path, take.feature, given)
        return sha256("\n".join(told).encode(errors="surrogatepass")).hexdigest()

    async def _is_gauge(self, customer: str, feature: str) -> bool:
        if feature not in self._gauges:
            try:
                self._gauges[feature] = (await self._tenure.check(customer, feature)).window == "gauge"
            except NotFound:  # a meter's name: nothing is known of it, and a new key does for both
                self._gauges[feature] = True
        return self._gauges[feature]

    async def _give_back(self, customer: str, used: Used) -> None:
        """Release what a failed request took, also when its caller has gone away."""
        if not used.is_gauge:
            return
        with anyio.move_on_after(GIVEN_BACK_WITHIN, shield=True) as limit:
            try:
                await self._tenure.release(customer, used.feature, used.quantity, key=f"{used.key}/back")
            except TenureError as error:
                log.warning("%s of %s stay taken by %s: %s", used.quantity, used.feature, customer, error)
        if limit.cancelled_caught:
            log.warning("%s of %s stay taken by %s: no answer in time", used.quantity, used.feature, customer)


def answer_refusals(app: FastAPI) -> None:
    """Tell the product's users what Tenure has refused, as problems (RFC 9457) with all that helps them on.

    They are also told what they have filled in wrong: a value, a quantity, a plan, what a sign-up says of them. What
    only the product can mend, as an unknown feature or a revoked key, stays an error of the product's.
    """
    for kind in (Denied, Conflict, PaymentDeclined, NotFound, Malformed, Unavailable):
        app.add_exception_handler(kind, _on_refusal)


async def _on_refusal(_request: Request, error: Exception) -> Response:
    assert isinstance(error, TenureError)  # noqa: S101 - added for no other
    if (isinstance(error, Malformed) and not _is_of_users(error)) or (
        isinstance(error, NotFound) and error.code not in NOBODY
    ):
        raise error
    return answer_to(error)


def _is_of_users(error: Malformed) -> bool:
    return bool(error.fields) and all(OF_USERS.intersection(field.split(".")) for field in error.fields)


def answer_to(error: TenureError) -> Response:
    """The answer to a product's user."""
    if isinstance(error, Unavailable):
        code, status, headers = (
            "entitlements_unavailable",
            503,
            {"Retry-After": str(int(error.retry_after or AWAY_FOR))},
        )
        said: Mapping[str, Any] = _problem(code, status, AWAY)
    else:
        status, headers = error.status or 500, passed_on(error.headers)
        said = {**_problem(error.code, status, error.message), **error.problem}
    return JSONResponse(dict(said), status, headers, media_type="application/problem+json")


def passed_on(headers: Mapping[str, str]) -> dict[str, str]:
    """Those of an answer's headers that mean something to a product's users too."""
    return {PASSED_ON[name]: value for name, value in headers.items() if name in PASSED_ON}


def _problem(code: str, status: int, detail: str) -> dict[str, Any]:
    title = code.replace("_", " ").capitalize()
    return {"type": f"urn:tenure:error:{code}", "title": title, "status": status, "detail": detail, "code": code}


def _unknown_standing(asked: _Asked) -> Standing:
    return Standing(asked.customer, None, basis="unknown", stale=True)


async def _told(value: Any, request: Request, given: Mapping[str, Any] = NOTHING) -> Any:
    """A value as it is, or as a callable tells it."""
    found = value
    if callable(value):
        named = signature(value).parameters
        found = value(**{name: given[name] for name in named}) if given.keys() >= named.keys() else value(request)
    return await found if isawaitable(found) else found

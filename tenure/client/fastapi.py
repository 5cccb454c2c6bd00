"""Gates for FastAPI: admit requests by entitlement, and count what they use.

    gate = Gate(tenure, customer=current_customer)
    answer_refusals(app)

    @app.post("/inbox", dependencies=[gate.require_feature("ai_inbox")])
    async def inbox(): ...

    @app.post("/images")
    @gate.consume("images_per_month")
    async def draw(order: Order, used: Used): ...

A gate's result can be used like a `Depends`, in `dependencies=[...]` or `Annotated[..., ...]`, or as a decorator.
"""

import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from inspect import isawaitable, signature
from typing import Annotated, Any, Literal, ParamSpec, TypeVar

import anyio
from fastapi import Depends, FastAPI, Request, Response
from fastapi.params import Depends as Marker
from fastapi.responses import JSONResponse

from tenure.client.async_client import AsyncTenure
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
"""Computes a value from the request; for decorators, also from the handler's arguments that it names as parameters."""

NOTHING: Mapping[str, Any] = {}
RELEASE_TIMEOUT = 5.0
"""Seconds that a failed request waits for the release of what it used."""
_OWN_RATE = re.compile(r'(?:^|, )"key";[^,]*$')
"""The rate of the product's own API key, which is no concern of its users."""
FORWARDED = {"ratelimit": "RateLimit", "ratelimit-policy": "RateLimit-Policy", "retry-after": "Retry-After"}
USER_FIELDS = frozenset(
    {"value", "quantity", "plan", "interval", "add_ons", "payment_method", "resumes_at"}
    | {"email", "name", "timezone", "locale"}
)
"""Fields that a product's users fill in. All others, such as feature names or keys, come from the product."""
NOBODY = frozenset({"unknown_customer", "no_subscription"})
"""Codes that say that a customer has not signed up. Any other unknown name is the product's own."""
UNAVAILABLE = "it cannot be checked right now whether this is allowed; try again in a moment"
RETRY_AFTER_SECONDS = 5


@dataclass(frozen=True)
class Requirement(Marker):
    """A `Depends` that can also be used as a decorator."""

    decorate: Callable[[Handler], Handler] = field(kw_only=True)

    def __call__(self, handler: Callable[P, T]) -> Callable[P, T]:
        """Put the handler behind the gate."""
        gated: Callable[P, T] = self.decorate(handler)
        return gated


def idempotency_key(request: Request) -> str | None:
    """The request's `Idempotency-Key`, for `Gate.consume(key=...)`."""
    return request.headers.get("Idempotency-Key")


@dataclass(frozen=True)
class _Context:
    """A request and its customer."""

    request: Request
    response: Response
    customer: str


@dataclass(frozen=True)
class _Usage:
    """What a request uses."""

    feature: str
    quantity: int | Of[int]
    key: Callable[[Request], str | None] | None


class Gate:
    """Admits requests by what their customer is entitled to."""

    def __init__(
        self,
        tenure: AsyncTenure,
        customer: Callable[..., Any],
        *,
        when_unavailable: Literal["refuse", "allow"] = "refuse",
    ) -> None:
        """Create a gate.

        Args:
            tenure: the client.
            customer: any FastAPI dependency that returns your own id of the customer who makes the request.
            when_unavailable: what to do with requests while Tenure is unavailable and nothing is cached.
        """
        self._tenure = tenure
        self._customer = customer
        self._allows_when_unavailable = when_unavailable == "allow"
        self._gauges: dict[str, bool] = {}

    def require_plan(self, at_least: str | None = None, *, one_of: Collection[str] = ()) -> Requirement:
        """Require a plan that is *at_least* this one by price, or is *one_of* these. Gives a `Standing`."""

        async def decide(context: _Context) -> Standing:
            return await self._tenure.require_plan(context.customer, at_least, one_of=one_of)

        return self._requirement(decide, _unknown_standing)

    def require_active_subscription(self) -> Requirement:
        """Require a subscription that gives access. Gives a `Standing`."""

        async def decide(context: _Context) -> Standing:
            return await self._tenure.require_active_subscription(context.customer)

        return self._requirement(decide, _unknown_standing)

    def require_feature(self, feature: str, value: str | Of[str | None] | None = None) -> Requirement:
        """Require a feature, or this *value* of a set or level. Nothing is counted. Gives an `Entitlement`."""

        async def decide(context: _Context) -> Entitlement:
            wanted = await _evaluated(value, context.request)
            return await self._tenure.require_feature(context.customer, feature, value=wanted)

        return self._requirement(
            decide, lambda context: Entitlement(feature, kind="", allowed=True, customer=context.customer, stale=True)
        )

    def consume(
        self, feature: str, quantity: int | Of[int] = 1, *, key: Callable[[Request], str | None] | None = None
    ) -> Requirement:
        """Count usage before the handler runs; if it is refused, the handler does not run. Gives a `Used`.

        As a decorator it counts last, when the request has been validated, and fills a parameter of the handler that is
        declared as `Used`; *quantity* may be computed from the handler's own parameters, as in
        `lambda order: order.count`. As a dependency it counts before FastAPI validates the body.

        When the handler fails, what it used of a gauge is released. A counter stays as it is.

        With a *key*, such as `idempotency_key`, a request that is sent again is not counted again, and `Used.repeated`
        is true. Answer it with the first result; otherwise anyone who repeats a key is served for free.
        """
        usage = _Usage(feature, quantity, key)

        async def dependency(context: Annotated[_Context, Depends(self._context())]) -> AsyncIterator[Used]:
            used = await self._use(context, usage)
            try:
                yield used
            except BaseException:
                await self._release(context.customer, used)
                raise

        def decorate(handler: Handler) -> Handler:
            async def run(context: _Context, given: Mapping[str, Any], call: Callable[[Used], Awaitable[Any]]) -> Any:
                used = await self._use(context, usage, given)
                try:
                    answer = await call(used)
                except BaseException:
                    await self._release(context.customer, used)
                    raise
                if isinstance(answer, Response) and answer.status_code >= 400:
                    await self._release(context.customer, used)
                return answer

            return counting(handler, self._context(), run)

        return Requirement(dependency, scope="function", use_cache=False, decorate=decorate)

    def _context(self) -> Callable[..., Awaitable[_Context]]:
        customer_of = self._customer

        async def context(
            request: Request, response: Response, customer: Annotated[str, Depends(customer_of)]
        ) -> _Context:
            return _Context(request, response, customer)

        return context

    def _requirement(self, decide: Callable[[_Context], Awaitable[T]], unknown: Callable[[_Context], T]) -> Requirement:
        async def dependency(context: Annotated[_Context, Depends(self._context())]) -> T:
            try:
                return await decide(context)
            except Unavailable:
                if not self._allows_when_unavailable:
                    raise
                return unknown(context)

        return Requirement(dependency, decorate=lambda handler: behind(handler, dependency))

    async def _use(self, context: _Context, usage: _Usage, given: Mapping[str, Any] = NOTHING) -> Used:
        amount, feature = await _evaluated(usage.quantity, context.request, given), usage.feature
        of_request = _key_of(context, usage)
        key = of_request or new_key()
        try:
            # A failed request releases what it used of a gauge, so that its repeat is to be counted.
            if of_request is not None and await self._is_gauge(context.customer, feature):
                key = new_key()
            used = await self._tenure.consume(context.customer, feature, amount, key=key)
        except Unavailable:
            if not self._allows_when_unavailable:
                raise
            log.warning("not counted, as Tenure is unavailable: %s of %s for %s", amount, feature, context.customer)
            return Used(feature, context.customer, quantity=amount, key=key)
        self._gauges.setdefault(feature, used.is_gauge)
        context.response.headers.update(forwarded(used.headers))
        return used

    async def _is_gauge(self, customer: str, feature: str) -> bool:
        if feature not in self._gauges:
            try:
                self._gauges[feature] = (await self._tenure.check(customer, feature)).window == "gauge"
            except NotFound:
                # The meter of several features cannot be checked. What it counts is known once it was consumed.
                return False
        return self._gauges[feature]

    async def _release(self, customer: str, used: Used) -> None:
        """Release what a failed request used, also if the request was cancelled."""
        if not used.is_gauge:
            return
        with anyio.move_on_after(RELEASE_TIMEOUT, shield=True) as limit:
            try:
                await self._tenure.release(customer, used.feature, used.quantity, key=f"{used.key}/back")
            except TenureError as error:
                log.warning("%s of %s not released for %s: %s", used.quantity, used.feature, customer, error)
        if limit.cancelled_caught:
            log.warning("%s of %s not released for %s: no answer in time", used.quantity, used.feature, customer)


def _key_of(context: _Context, usage: _Usage) -> str | None:
    """The usage's idempotency key, if the request has one."""
    given = usage.key(context.request) if usage.key is not None else None
    if given is None:
        return None
    scope = (context.customer, context.request.method, context.request.url.path, usage.feature, given)
    return sha256("\n".join(scope).encode(errors="surrogatepass")).hexdigest()


def answer_refusals(app: FastAPI) -> None:
    """Answer refusals to the product's users with problem details (RFC 9457).

    Invalid user input (a value, a quantity, a plan, sign-up data) and a customer who never signed up are answered, too.
    What only the product can fix, such as an unknown feature or a revoked key, stays an error of the product.
    """
    for kind in (Denied, Conflict, PaymentDeclined, NotFound, Malformed, Unavailable):
        app.add_exception_handler(kind, _on_refusal)


async def _on_refusal(_request: Request, error: Exception) -> Response:
    assert isinstance(error, TenureError)  # noqa: S101 - registered for these only
    if (isinstance(error, Malformed) and not _is_user_input(error)) or (
        isinstance(error, NotFound) and error.code not in NOBODY
    ):
        raise error
    return answer_to(error)


def _is_user_input(error: Malformed) -> bool:
    return bool(error.fields) and all(USER_FIELDS.intersection(field.split(".")) for field in error.fields)


def answer_to(error: TenureError) -> Response:
    """The response to a product's user."""
    if isinstance(error, Unavailable):
        code, status, headers = (
            "entitlements_unavailable",
            503,
            {"Retry-After": str(int(error.retry_after or RETRY_AFTER_SECONDS))},
        )
        said: Mapping[str, Any] = _problem(code, status, UNAVAILABLE)
    else:
        status, headers = error.status or 500, forwarded(error.headers)
        said = {**_problem(error.code, status, error.message), **error.problem}
    return JSONResponse(dict(said), status, headers, media_type="application/problem+json")


def forwarded(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers of an answer that are of use to a product's users, too."""
    found = {FORWARDED[name]: _OWN_RATE.sub("", value) for name, value in headers.items() if name in FORWARDED}
    return {name: value for name, value in found.items() if value}


def _problem(code: str, status: int, detail: str) -> dict[str, Any]:
    title = code.replace("_", " ").capitalize()
    return {"type": f"urn:tenure:error:{code}", "title": title, "status": status, "detail": detail, "code": code}


def _unknown_standing(context: _Context) -> Standing:
    return Standing(context.customer, None, basis="unknown", stale=True)


async def _evaluated(value: Any, request: Request, given: Mapping[str, Any] = NOTHING) -> Any:
    """The value, or what it returns if it is callable."""
    found = value
    if callable(value):
        named = signature(value).parameters
        found = value(**{name: given[name] for name in named}) if given.keys() >= named.keys() else value(request)
    return await found if isawaitable(found) else found

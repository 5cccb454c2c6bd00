"""Rate limits: how many requests each API key, and each address without a valid key, may send.

Each process counts for itself and allows its share of the rate.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from ipaddress import IPv6Address, ip_address
from math import ceil
from time import monotonic
from typing import Final, NamedTuple

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.types import Scope

from api.http.buckets import Buckets
from api.http.errors import RateLimited
from api.http.headers import RawHeaders
from domain.request_rates import RequestRate, RequestRates

CHECK_TAG: Final = "Entitlements"
FIGURE_TAG: Final = "Metrics"
PAGING: Final = frozenset({"cursor", "limit"})
"""Query parameters of lists."""
POLICY, STATE = b"ratelimit-policy", b"ratelimit"
_STANDING: Final = "tenure.rate"


class RequestKind(StrEnum):
    """Kinds of requests, each with a rate of its own."""

    REQUESTS = "requests"
    CHECKS = "checks"
    LISTS = "lists"


class RateStanding(NamedTuple):
    """Where a caller stands after a request."""

    policy: str
    state: str
    """Both as items of the headers `RateLimit-Policy` and `RateLimit` (IETF httpapi draft 10)."""
    wait: float
    """Seconds until the request is allowed; 0: it is."""


class _Limit:
    """One rate, and who has used how much of it."""

    def __init__(self, name: str, a_second: float, clock: Callable[[], float]) -> None:
        size, self._refill = max(1, int(a_second)), 1 / a_second
        self._name = name
        self._policy = f'"{name}";q={size};w={ceil(size * self._refill - 1e-9)}'
        self._size = size
        self._buckets = Buckets(size=size, refill_seconds=self._refill, clock=clock)

    def count(self, who: str) -> RateStanding:
        """Count a request of *who*."""
        wait, left = self._buckets.count(who)
        until_full = ceil((self._size - left) * self._refill)
        return RateStanding(self._policy, f'"{self._name}";r={int(left)};t={ceil(wait) or until_full}', wait)


class RateLimits:
    """Counts requests by key and by address."""

    def __init__(
        self, rates: RequestRates, routes: Iterable[APIRoute], *, clock: Callable[[], float] = monotonic
    ) -> None:
        self._rates: Mapping[RequestKind, RequestRate] = {
            RequestKind.REQUESTS: rates.requests,
            RequestKind.CHECKS: rates.checks,
            RequestKind.LISTS: rates.lists,
        }
        self._replicas = rates.replicas
        self._clock = clock
        self._limits: dict[tuple[RequestKind, str], _Limit | None] = {}
        self._unknown = self._limit("address", rates.unknown_keys)
        self._kinds = {(method, route.path): kind_of(route) for route in routes for method in route.methods or ()}

    def count(self, scope: Scope, key_id: str, role: str) -> None:
        """Count a request of an API key.

        Raises:
            RateLimited: it has to wait.
        """
        path = getattr(scope.get("route"), "path", "")
        kind = self._kinds.get((scope["method"], path), RequestKind.REQUESTS)
        if (kind, role) not in self._limits:
            self._limits[kind, role] = self._limit("key", self._rates[kind].of(role))
        limit = self._limits[kind, role]
        if limit is not None:
            _admit(scope, limit.count(key_id), f"this API key sends too many requests ({kind})")

    def count_unknown(self, request: Request) -> None:
        """Count a request without a valid key.

        Raises:
            RateLimited: its address has to wait.
        """
        if self._unknown is not None:
            standing = self._unknown.count(network_of(request))
            _admit(request.scope, standing, "this address sends too many requests without a valid API key")

    def _limit(self, name: str, a_second: float) -> _Limit | None:
        return _Limit(name, a_second / self._replicas, self._clock) if a_second else None


def kind_of(route: APIRoute) -> RequestKind:
    """Return the kind of an endpoint's requests."""
    if CHECK_TAG in route.tags:
        return RequestKind.CHECKS
    is_list = PAGING.intersection(_query_names(route.dependant))
    if "GET" in (route.methods or ()) and (is_list or FIGURE_TAG in route.tags):
        return RequestKind.LISTS
    return RequestKind.REQUESTS


def _query_names(dependant: Dependant) -> Iterator[str]:
    """The names of the query parameters, those in a model and those of other dependencies too."""
    for one in dependant.query_params:
        model = one.field_info.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            yield from (field.alias or name for name, field in model.model_fields.items())
        else:
            yield one.alias
    for other in dependant.dependencies:
        yield from _query_names(other)


def network_of(request: Request) -> str:
    """Return the caller's address; of IPv6 the network of 64 bits, all of which one caller has.

    Behind a proxy this is the address that the proxy names, if the server trusts that proxy.
    """
    host = request.client.host if request.client is not None else ""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if not isinstance(address, IPv6Address):
        return host
    return str(address.ipv4_mapped or IPv6Address(int(address) >> 64 << 64))


def rate_limits_of(request: Request) -> RateLimits:
    limits = request.app.state.rate_limits
    assert isinstance(limits, RateLimits)  # noqa: S101 - set by create_app
    return limits


def add_rate_headers(scope: Scope, headers: RawHeaders) -> None:
    """Add where the caller stands, behind the limits of a customer's plan."""
    standing = scope.get("state", {}).get(_STANDING)
    if standing is None:
        return
    names = [name for name, _ in headers]
    for name, own in ((POLICY, standing.policy.encode()), (STATE, standing.state.encode())):
        if name in names:
            at = names.index(name)
            headers[at] = (name, headers[at][1] + b", " + own)
        else:
            headers.append((name, own))


def _admit(scope: Scope, standing: RateStanding, refusal: str) -> None:
    scope.setdefault("state", {})[_STANDING] = standing
    if standing.wait:
        raise RateLimited(f"{refusal}: wait for Retry-After seconds", retry_after=standing.wait)

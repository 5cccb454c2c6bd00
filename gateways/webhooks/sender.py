"""Sends one signed request to the address of a product, and says what came of it."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from typing import Final

import httpx

from domain.errors import GatewayUnavailable
from domain.events.deliveries import Answer
from domain.events.endpoints import EndpointRefused, EndpointRules, Target, target_of
from domain.formatting import one_line

TOTAL_SECONDS: Final = 20.0
"""For an attempt, from looking its host name up to the end of the answer."""
CONNECT_SECONDS: Final = 5.0
"""For each address of a host name."""
CHECK_SECONDS: Final = 5.0
BODY_SECONDS: Final = 2.0
"""For the beginning of an answer's body, which is kept for readers: what the answer says is its status."""
KEPT_BYTES: Final = 1024
"""Of an answer's body."""
_LONGEST_ERROR: Final = 300

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns the network addresses of a host name that may be sent to; see `gateways.webhooks.addresses`."""


class WebhookSender:
    """Implements `domain.events.ports.EventSender`.

    A host name is looked up once for each request, and the request goes to the address that was checked: a name that
    leads elsewhere a moment later leads nowhere. Through an egress proxy it is the proxy that looks the name up.
    """

    def __init__(
        self,
        rules: EndpointRules,
        resolve: Resolve,
        *,
        proxy: str | None = None,
        total_seconds: float = TOTAL_SECONDS,
        trusted: ssl.SSLContext | None = None,
    ) -> None:
        """*trusted* says which certificates are accepted; None: those that are signed by a public authority."""
        self._rules = rules
        self._resolve = resolve
        self._proxy = proxy
        self._total_seconds = total_seconds
        self._trusted = trusted or ssl_context()

    async def check(self, url: str) -> None:
        target = target_of(url, self._rules)
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                await self._addresses(target)
        except (GatewayUnavailable, TimeoutError) as error:
            why = f"the host name {target.host} cannot be resolved"
            raise EndpointRefused(f"{why}: correct it, or try again later", field="url") from error

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        try:
            async with asyncio.timeout(self._total_seconds):
                target = target_of(url, self._rules)
                return await self._first_answer(url, target, await self._addresses(target), headers, body)
        except TimeoutError:
            return Answer(None, f"no answer within {self._total_seconds:g} s")
        except (EndpointRefused, GatewayUnavailable) as error:
            return Answer(None, one_line(error.message, _LONGEST_ERROR))
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError) as error:
            return Answer(None, one_line(f"no answer: {str(error) or type(error).__name__}", _LONGEST_ERROR))

    async def _addresses(self, target: Target) -> Sequence[str]:
        """Where to connect to; behind a proxy, its name."""
        if self._proxy is None:
            return await self._resolve(target.host, target.port)
        with suppress(GatewayUnavailable):  # only the proxy may be able to look it up
            await self._resolve(target.host, target.port)
        return [target.host]

    async def _first_answer(
        self, url: str, target: Target, addresses: Sequence[str], headers: Mapping[str, str], body: bytes
    ) -> Answer:
        """The answer from the first address that can be connected to."""
        *others, last = addresses
        for address in others:
            try:
                return await self._answer(url, target, address, headers, body)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        return await self._answer(url, target, last, headers, body)

    async def _answer(self, url: str, target: Target, address: str, headers: Mapping[str, str], body: bytes) -> Answer:
        timeout = httpx.Timeout(self._total_seconds, connect=min(CONNECT_SECONDS, self._total_seconds))
        request = httpx.Request(
            "POST",
            httpx.URL(url).copy_with(scheme=target.scheme, host=address, port=target.port),
            headers={
                "Host": target.authority,
                "Accept-Encoding": "identity",
                "Content-Type": "application/json",
                "User-Agent": f"Tenure/{version('tenure')}",
                **headers,
            },
            content=body,
            # The certificate is checked against the name, not against the address.
            extensions={"sni_hostname": target.host, "timeout": timeout.as_dict()},
        )
        # A connection of its own: one that is kept open would be found again by its address, for another name.
        async with self._transport() as transport:
            response = await transport.handle_async_request(request)
            try:
                return _answer(response, await _beginning(response))
            finally:
                await response.aclose()

    def _transport(self) -> httpx.AsyncHTTPTransport:
        # A transport follows no redirects, and reads no proxy from the environment.
        return httpx.AsyncHTTPTransport(verify=self._trusted, trust_env=False, proxy=self._proxy, retries=0)


def ssl_context() -> ssl.SSLContext:
    """Returns what accepts certificates that are signed by a public authority."""
    return httpx.create_ssl_context(trust_env=False)


async def _beginning(response: httpx.Response) -> bytes:
    """What came of it in time, maybe nothing."""
    found = b""
    with suppress(TimeoutError, httpx.HTTPError):
        async with asyncio.timeout(BODY_SECONDS):
            async for part in response.stream:  # type: ignore[union-attr] # an async transport's is one
                found += part
                if len(found) >= KEPT_BYTES:
                    break
    return found[:KEPT_BYTES]


def _answer(response: httpx.Response, body: bytes) -> Answer:
    text = body.decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
    return Answer(response.status_code, "", text, _retry_after(response.headers.get("Retry-After", "")))


def _retry_after(given: str) -> float:
    """Seconds, of a number of them or a date; 0 without either."""
    try:
        return max(0.0, float(given)) if given.isascii() and given.isdigit() else _until(given)
    except (ValueError, TypeError, OverflowError):
        return 0.0


def _until(given: str) -> float:
    moment = parsedate_to_datetime(given)
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())

"""Endpoints: the addresses at which products receive events."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import Final
from urllib.parse import urlsplit

from domain.errors import Malformed, Rejected

MOST_ENDPOINTS: Final = 10
"""Of one tenant."""
PORTS: Final = (443, 8443)
LONGEST_URL: Final = 2000
SECRET_OVERLAP: Final = timedelta(hours=24)
"""How long what is sent is also signed with the secret that was replaced."""
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}
_HOST: Final = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?\.?")
DISABLED_AFTER: Final = timedelta(days=5)
"""An endpoint that has not taken anything for so long is disabled."""


class EndpointState(StrEnum):
    """Whether events are sent to an endpoint."""

    ENABLED = "enabled"
    DISABLED = "disabled"


class DisabledReason(StrEnum):
    """Why nothing is sent to an endpoint."""

    GONE = "gone"
    """It has answered 410."""
    FAILING = "failing"
    """It has taken nothing for `DISABLED_AFTER`, and something that was sent again and again has failed for good."""
    OPERATOR = "operator"
    """It was asked for."""


@dataclass(frozen=True)
class Endpoint:
    """An address at which a product receives events."""

    id: str
    tenant: str
    url: str
    description: str
    types: tuple[str, ...]
    """Of the events that it receives; empty: all."""
    state: EndpointState
    disabled_reason: DisabledReason | None
    failing_since: datetime | None
    """When the first attempt after the last successful one failed; None if the last succeeded, or there was none."""
    created_at: datetime
    created_by: str


@dataclass(frozen=True)
class EndpointRules:
    """Which addresses an endpoint may have."""

    schemes: tuple[str, ...] = ("https",)
    ports: tuple[int, ...] = PORTS
    """Empty: every one."""


class EndpointRefused(Malformed):
    """Nothing is sent to this address."""

    code = "endpoint_refused"


@dataclass(frozen=True)
class Target:
    """Where a request goes."""

    scheme: str
    host: str
    """As it is written in certificates: in ASCII, without brackets."""
    port: int

    @property
    def authority(self) -> str:
        """Host and port, as in the header `Host`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


def target_of(url: str, rules: EndpointRules) -> Target:
    """Returns where the requests to an endpoint go.

    Raises:
        EndpointRefused: field `url`; it breaks the rules, whatever its host name leads to.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _refused("this is not an address such as https://example.com/hooks") from None
    if (
        len(url) > LONGEST_URL
        or not url.isascii()
        or any(not "!" <= character <= "~" or character == "\\" for character in url)
    ):
        raise _refused(f"write it with up to {LONGEST_URL} printable ASCII characters, such as xn--… for a name with ü")
    if parts.scheme not in rules.schemes or not parts.hostname:
        raise _refused(f"begin it with {' or '.join(rules.schemes)}://, and a host name")
    if "@" in parts.netloc:
        raise _refused("leave out user and password: requests are signed")
    if parts.fragment or url.endswith("#"):
        raise _refused("leave out the part from # on, which is not sent")
    port = port or _DEFAULT_PORTS[parts.scheme]
    if rules.ports and port not in rules.ports:
        raise _refused(f"only the ports {' and '.join(map(str, rules.ports))} are sent to")
    return Target(parts.scheme, _checked_host(parts.hostname), port)


def _checked_host(host: str) -> str:
    """Refuses numbers that some resolvers read as an address, such as 2130706433 or 0177.0.0.1."""
    try:
        if ":" in host:
            return str(IPv6Address(host))
        last = host.rstrip(".").rpartition(".")[2]
        if last.isdigit() or last.startswith("0x"):
            return str(IPv4Address(host))
    except ValueError:
        raise _refused("write a network address as 93.184.215.14 or [2606:2800:21f:cb07::1]") from None
    if _HOST.fullmatch(host) is None:
        raise _refused("a host name has letters, digits, hyphens and dots")
    return host.rstrip(".")


def check_types(types: Collection[str], known: Collection[str]) -> None:
    """Checks that there are such events.

    Raises:
        Malformed: field `types`.
    """
    unknown = sorted(set(types) - set(known))
    if unknown:
        raise Malformed(
            f"there are no events of type {', '.join(repr(each[:80]) for each in unknown[:5])}:"
            " docs/events.md lists all types",
            field="types",
            code="unknown_event_type",
        )


def unknown_endpoint(endpoint: str) -> Rejected:
    """What is said of an endpoint that a tenant does not have."""
    return Rejected(
        f"there is no webhook endpoint {endpoint[:64]!r}: GET /v1/webhook-endpoints lists them",
        code="unknown_webhook_endpoint",
    )


def _refused(why: str) -> EndpointRefused:
    return EndpointRefused(why, field="url")

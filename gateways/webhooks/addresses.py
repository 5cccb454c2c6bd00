"""Which network addresses are sent to: public ones alone, so that nobody reaches into our own network through us."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

from domain.errors import GatewayUnavailable
from domain.events.endpoints import EndpointRefused

Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns the network addresses of a host name; raises OSError if there are none."""

LOOKUPS_AT_ONCE: Final = 64
"""Host names that are looked up at the same time; their threads sleep."""

# The special-purpose registries of IANA, rather than `is_global`, whose answers change from one Python to the next.
_NOT_PUBLIC_V4: Final = tuple(
    ip_network(each)
    for each in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's virtual machines reach their host at it
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
    )
)
_PUBLIC_V6: Final = ip_network("2000::/3")
_NOT_PUBLIC_V6: Final = tuple(
    ip_network(each)
    for each in (
        "2001::/23",  # Teredo and other protocols
        "2001:db8::/32",
        "2002::/16",  # 6to4
        "3fff::/20",
    )
)
_NAT64: Final = ip_network("64:ff9b::/96")


def is_public(address: Address) -> bool:
    """True of an address that anybody may reach, with what is embedded in it."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_V4)
    embedded = embedded_v4(address)
    if embedded is not None:
        return is_public(embedded)
    return address in _PUBLIC_V6 and not any(address in network for network in _NOT_PUBLIC_V6)


def embedded_v4(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that is reached by an IPv6 one, if there is one: mapped, or translated by NAT64."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else None


def found_for(host: str, port: int) -> list[str]:
    """Returns the network addresses of a host name, as the system finds them; raises OSError or UnicodeError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class NameLookups:
    """Looks host names up, in threads of its own and in one for each name.

    A name whose servers do not answer keeps a thread for as long as the system tries, also when nobody waits for it any
    more. In the event loop's few threads a handful of such names would hold up all that connects anywhere.
    """

    def __init__(
        self, look_up: Callable[[str, int], Sequence[str]] = found_for, *, at_once: int = LOOKUPS_AT_ONCE
    ) -> None:
        self._look_up = look_up
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="names")
        self._running: dict[tuple[str, int], asyncio.Future[Sequence[str]]] = {}

    async def __call__(self, host: str, port: int) -> list[str]:
        """Returns the network addresses of a host name, those to try first in front.

        Raises:
            OSError: there are none, or they cannot be found now.
            UnicodeError: it is no host name.
        """
        running = self._running.get((host, port))
        if running is None:
            running = asyncio.get_running_loop().run_in_executor(self._threads, self._look_up, host, port)
            self._running[host, port] = running
            running.add_done_callback(partial(self._end, (host, port)))
        # A caller that gives up leaves it to the others.
        return list(await asyncio.shield(running))

    def _end(self, key: tuple[str, int], running: asyncio.Future[Sequence[str]]) -> None:
        del self._running[key]
        if not running.cancelled():
            running.exception()  # seen, also if nobody waits for it


class PublicAddresses:
    """Resolves host names to public addresses."""

    def __init__(self, look_up: Resolve | None = None) -> None:
        self._look_up = look_up or NameLookups()

    async def __call__(self, host: str, port: int) -> list[str]:
        """Returns the addresses of a host name, all of which are public.

        Raises:
            EndpointRefused: one of them is not public.
            GatewayUnavailable: the name cannot be resolved now.
        """
        try:
            found = await self._look_up(host, port)
        except (OSError, UnicodeError) as error:
            raise GatewayUnavailable(f"the host name {host} cannot be resolved: {error}") from error
        if not found:
            raise GatewayUnavailable(f"the host name {host} has no address")
        for each in found:
            # A scope, as in fe80::1%eth0, is of an address that is not public.
            if "%" in each or not is_public(ip_address(each)):
                # Which one is not said: names of our own network lead to it, too.
                raise EndpointRefused(f"{host} leads to an address that is not public", field="url")
        return list(found)


class AnyAddresses:
    """Resolves host names to whatever they lead to: for a sandbox, whose receivers run on the same machine."""

    def __init__(self) -> None:
        self._look_up = NameLookups()

    async def __call__(self, host: str, port: int) -> list[str]:
        try:
            return await self._look_up(host, port)
        except (OSError, UnicodeError) as error:
            raise GatewayUnavailable(f"the host name {host} cannot be resolved: {error}") from error

"""Whatever a host name leads to, nothing is sent into a network that is not public."""

import asyncio
import threading
from collections import Counter
from ipaddress import ip_address

import pytest

from domain.errors import GatewayUnavailable
from domain.events.endpoints import EndpointRefused, EndpointRules, target_of
from gateways.webhooks.addresses import NameLookups, PublicAddresses, is_public

NOT_PUBLIC = (
    "0.0.0.0",  # noqa: S104 - a test of what is refused
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:10.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::10.0.0.1",
    "64:ff9b:1::8.8.8.8",
    "100::1",
    "2001::1",
    "2001:0:7f00:1::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:0a00:0001::1",
    "3fff::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
)


@pytest.mark.parametrize("address", NOT_PUBLIC)
async def test_a_name_that_leads_to_such_an_address_is_refused(address: str) -> None:
    assert not is_public(ip_address(address))

    async def look_up(_host: str, _port: int) -> list[str]:
        return ["93.184.215.14", address]

    with pytest.raises(EndpointRefused, match="not public"):
        await PublicAddresses(look_up)("hooks.example.com", 443)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "93.184.215.14", "172.32.0.1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2606:4700::1111"]
)
def test_addresses_that_anybody_may_reach_are_public(address: str) -> None:
    assert is_public(ip_address(address))


async def test_an_address_with_a_scope_is_refused() -> None:
    async def look_up(_host: str, _port: int) -> list[str]:
        return ["fe80::1%eth0"]

    with pytest.raises(EndpointRefused):
        await PublicAddresses(look_up)("hooks.example.com", 443)


async def test_a_name_that_cannot_be_resolved_may_be_resolved_later() -> None:
    async def look_up(_host: str, _port: int) -> list[str]:
        raise OSError("no such name")

    with pytest.raises(GatewayUnavailable, match="cannot be resolved"):
        await PublicAddresses(look_up)("hooks.example.com", 443)


async def test_a_name_whose_servers_do_not_answer_holds_up_no_other_however_often_it_is_asked_for() -> None:
    answered, asked = threading.Event(), Counter[str]()

    def look_up(host: str, _port: int) -> list[str]:
        asked[host] += 1
        if host == "slow.example.com":
            answered.wait()
            raise OSError("no such name")
        return ["93.184.215.14"]

    lookups = NameLookups(look_up, at_once=2)
    waiting = [asyncio.create_task(lookups("slow.example.com", 443)) for _ in range(10)]
    try:
        async with asyncio.timeout(10):
            assert await lookups("hooks.example.com", 443) == ["93.184.215.14"]
            waiting[0].cancel()
    finally:
        answered.set()
    ends = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(end) for end in ends] == [asyncio.CancelledError] + [OSError] * 9
    assert asked == {"slow.example.com": 1, "hooks.example.com": 1}

    with pytest.raises(OSError, match="no such name"):
        await lookups("slow.example.com", 443)
    assert asked["slow.example.com"] == 2


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
async def test_names_and_addresses_of_this_machine_are_refused(host: str) -> None:
    with pytest.raises(EndpointRefused, match="not public"):
        await PublicAddresses()(host, 443)


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/",
        "ftp://hooks.example.com/",
        "hooks.example.com",
        "https://",
        "https://hooks.example.com:80/",
        "https://hooks.example.com:99999/",
        "https://user:password@hooks.example.com/",
        "https://hooks.example.com@127.0.0.1/",
        "https://hooks.example.com\\@127.0.0.1/",
        "https://hooks.example.com/#there",
        "https://hooks.example.com /",
        "https://hooks.example.com/\x00",
        "https://hooks.example.com/\x7f",
        "https://hooks.exämple.com/",
        "https://2130706433/",
        "https://0177.0.0.1/",
        "https://0x7f.0.0.1/",
        "https://0x7f000001/",
        "https://127.1/",
        "https://1.2.3.4.5/",
        "https://%31%32%37.0.0.1/",
        "https://[::1/",
        "https://[not-an-address]/",
        f"https://hooks.example.com/{'a' * 2000}",
    ],
)
def test_what_is_no_such_address_is_refused_before_it_is_looked_up(url: str) -> None:
    with pytest.raises(EndpointRefused):
        target_of(url, EndpointRules())


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("https://Hooks.Example.com/a?b=c", "hooks.example.com"),
        ("https://hooks.example.com.:443", "hooks.example.com"),
        ("https://hooks.example.com:8443/", "hooks.example.com:8443"),
        ("https://93.184.215.14/", "93.184.215.14"),
        ("https://[2606:4700::1111]:8443/", "[2606:4700::1111]:8443"),
    ],
)
def test_the_name_that_a_request_carries_is_that_of_its_address(url: str, authority: str) -> None:
    assert target_of(url, EndpointRules()).authority == authority

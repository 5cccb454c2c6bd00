"""A request goes to the address that was checked, once, and what came of it is told in words."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from domain.events.endpoints import EndpointRefused, EndpointRules
from gateways.webhooks.addresses import AnyAddresses, PublicAddresses
from gateways.webhooks.sender import KEPT_BYTES, WebhookSender
from tests.gateways.webhooks.receiver import certified, receiving

HERE = EndpointRules(schemes=("http", "https"), ports=())
"""Tests listen at any port, and not by TLS."""
NAME = "hooks.example.com"

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


def leads_to(*turns: str) -> Resolve:
    """A name that leads to another address each time it is looked up; at last it stays."""
    left = list(turns)

    async def look_up(_host: str, _port: int) -> list[str]:
        return [left.pop(0) if len(left) > 1 else left[0]]

    return look_up


async def test_a_request_carries_name_headers_and_body() -> None:
    async with receiving() as receiver:
        sender = WebhookSender(HERE, leads_to("127.0.0.1"))

        answer = await sender.send(f"http://{NAME}:{receiver.port}/a?b=c", {"webhook-id": "1"}, b'{"a":1}')

    assert (answer.status, answer.body, answer.error, answer.is_success) == (200, "ok", "", True)
    [request] = receiver.requests
    assert request.startswith(b"POST /a?b=c HTTP/1.1\r\n")
    assert f"\r\nHost: {NAME}:{receiver.port}\r\n".encode() in request
    assert b"\r\nwebhook-id: 1\r\n" in request
    assert b"\r\nContent-Type: application/json\r\n" in request
    assert request.endswith(b'\r\n\r\n{"a":1}')


async def test_the_certificate_is_checked_against_the_name_although_the_address_is_connected_to(
    tmp_path: Path,
) -> None:
    server, trusted = certified(tmp_path, NAME)
    async with receiving(server) as receiver:
        sender = WebhookSender(HERE, leads_to("127.0.0.1"), trusted=trusted)

        answer = await sender.send(f"https://{NAME}:{receiver.port}/", {}, b"{}")
        of_another = await sender.send(f"https://other.example.com:{receiver.port}/", {}, b"{}")

    assert answer.status == 200
    assert receiver.names == [NAME, "other.example.com"]
    assert of_another.status is None
    assert "certificate" in of_another.error
    assert len(receiver.requests) == 1


async def test_a_name_that_leads_elsewhere_a_moment_later_leads_nowhere() -> None:
    async with receiving() as receiver:
        sender = WebhookSender(HERE, PublicAddresses(leads_to("93.184.215.14", "127.0.0.1")))
        url = f"http://{NAME}:{receiver.port}/"
        await sender.check(url)

        answer = await sender.send(url, {}, b"{}")

    assert answer.status is None
    assert "leads to an address that is not public" in answer.error
    assert receiver.requests == []


@pytest.mark.parametrize("host", ["127.0.0.1", "[::ffff:10.0.0.1]", "169.254.169.254", "localhost"])
async def test_what_leads_into_a_private_network_is_refused_when_checked_and_when_sent(host: str) -> None:
    sender = WebhookSender(EndpointRules(), PublicAddresses())

    with pytest.raises(EndpointRefused):
        await sender.check(f"https://{host}/")
    assert (await sender.send(f"https://{host}/", {}, b"{}")).status is None


async def test_a_redirect_is_not_followed() -> None:
    async with receiving() as elsewhere, receiving() as receiver:
        moved = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{elsewhere.port}/\r\nContent-Length: 0\r\n\r\n"
        receiver.answer = moved.encode()

        answer = await WebhookSender(HERE, AnyAddresses()).send(f"http://127.0.0.1:{receiver.port}/", {}, b"{}")

    assert (answer.status, answer.is_success) == (302, False)
    assert elsewhere.requests == []


async def test_only_the_beginning_of_a_long_answer_is_read() -> None:
    async with receiving() as receiver:
        receiver.answer = b"HTTP/1.1 500 Oops\r\nContent-Length: 100000000\r\n\r\n" + b"a\0" * 4000

        answer = await WebhookSender(HERE, AnyAddresses()).send(f"http://127.0.0.1:{receiver.port}/", {}, b"{}")

    assert answer.status == 500
    assert answer.body == "a\N{REPLACEMENT CHARACTER}" * (KEPT_BYTES // 2)


@pytest.mark.parametrize("ends", [True, False])
async def test_an_answer_counts_although_its_body_breaks_off_or_does_not_end(ends: bool) -> None:
    async with receiving() as receiver:
        receiver.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nthanks"
        receiver.ends = ends

        answer = await WebhookSender(HERE, AnyAddresses()).send(f"http://127.0.0.1:{receiver.port}/", {}, b"{}")

    assert (answer.is_success, answer.body) == (True, "thanks")


async def test_a_receiver_that_does_not_answer_is_given_up_in_time() -> None:
    async with receiving() as receiver:
        receiver.hangs = True
        sender = WebhookSender(HERE, AnyAddresses(), total_seconds=0.2)

        answer = await sender.send(f"http://127.0.0.1:{receiver.port}/", {}, b"{}")

    assert (answer.status, answer.error) == (None, "no answer within 0.2 s")


async def test_a_receiver_that_is_away_is_told_in_words() -> None:
    async with receiving() as receiver:
        pass

    answer = await WebhookSender(HERE, AnyAddresses()).send(f"http://127.0.0.1:{receiver.port}/", {}, b"{}")

    assert answer.status is None
    assert answer.error.startswith("no answer: ")


@pytest.mark.parametrize(("given", "seconds"), [("120", 120), ("soon", 0), ("-1", 0), ("", 0)])
async def test_it_is_told_how_long_a_receiver_asks_to_be_left_alone(given: str, seconds: int) -> None:
    async with receiving() as receiver:
        receiver.answer = f"HTTP/1.1 503 Busy\r\nRetry-After: {given}\r\nContent-Length: 0\r\n\r\n".encode()

        answer = await WebhookSender(HERE, AnyAddresses()).send(f"http://127.0.0.1:{receiver.port}/", {}, b"{}")

    assert (answer.status, answer.retry_after) == (503, seconds)


async def test_a_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiving() as proxy, receiving() as receiver:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")

        await WebhookSender(HERE, AnyAddresses()).send(f"http://127.0.0.1:{receiver.port}/", {}, b"{}")

    assert (len(proxy.requests), len(receiver.requests)) == (0, 1)


async def test_a_proxy_that_is_set_is_given_the_name_and_private_addresses_are_still_refused() -> None:
    async with receiving() as proxy:
        proxy.answer = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
        unresolved = leads_to_nothing
        sender = WebhookSender(EndpointRules(), PublicAddresses(unresolved), proxy=f"http://127.0.0.1:{proxy.port}")
        answer = await sender.send(f"https://{NAME}/", {}, b"{}")
        refusing = WebhookSender(EndpointRules(), PublicAddresses(), proxy=f"http://127.0.0.1:{proxy.port}")
        refused = await refusing.send("https://127.0.0.1/", {}, b"{}")

    [request] = proxy.requests
    assert request.startswith(f"CONNECT {NAME}:443 HTTP/1.1\r\n".encode())
    assert answer.status is None
    assert "not public" in refused.error


async def leads_to_nothing(_host: str, _port: int) -> list[str]:
    raise OSError("only the proxy knows it")


async def test_a_name_that_cannot_be_resolved_is_refused_when_it_is_checked() -> None:
    with pytest.raises(EndpointRefused, match="cannot be resolved"):
        await WebhookSender(EndpointRules(), PublicAddresses(leads_to_nothing)).check(f"https://{NAME}/")

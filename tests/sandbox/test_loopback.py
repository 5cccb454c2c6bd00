"""Nobody but its own machine reaches the sandbox: it has no keys, and can do everything."""

import socket
from dataclasses import asdict
from urllib.parse import urlsplit

import pytest

from sandbox.stack import Stack

OF_ANY_ADDRESS = "127.0.0.2"
"""Answers where a server listens on all addresses, and not where it listens on 127.0.0.1 alone."""


def listens_at(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=5).close()
    except OSError:
        return False
    return True


@pytest.fixture
def is_telling() -> None:
    """Skip where a server on all addresses would not be noticed."""
    with socket.create_server(("0.0.0.0", 0)) as server:  # noqa: S104 - what must not be
        if not listens_at(OF_ANY_ADDRESS, server.getsockname()[1]):
            pytest.skip("this machine has only one loopback address")


@pytest.mark.usefixtures("is_telling")
def test_every_server_listens_on_loopback_alone(stack: Stack) -> None:
    told = [*asdict(stack.addresses).values(), stack.mailbox.smtp_url]
    places = {urlsplit(address if "://" in address else f"tcp://{address}") for address in told if ":" in address}
    ports = {place.port for place in places if place.port}

    assert {place.hostname for place in places} == {"127.0.0.1"}
    assert len(ports) >= 6, "API, Temporal, Stripe, PostgreSQL, controls and SMTP"
    assert [port for port in ports if not listens_at("127.0.0.1", port)] == []
    assert [port for port in ports if listens_at(OF_ANY_ADDRESS, port)] == []

"""A product that listens: production processes send it their events, as they send them to any product.

They send to public names alone, by TLS, and through `TENURE_EGRESS_PROXY`. So it has a name that looks public and that
nobody resolves, a proxy of the harness leads that name here, and workers trust the certificate of the name.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Row

from tests.chaos.trusting import AUTHORITY
from tests.gateways.webhooks.receiver import Receiver, Told, certified, receiving

NAME = "product.example"
URL = f"https://{NAME}/hooks"


@dataclass
class Listener:
    """The product's server."""

    receiver: Receiver
    settings: Mapping[str, str]
    """Of processes that are to reach it."""
    secret: str = ""
    _heard: list[Told] = field(default_factory=list)

    @classmethod
    @asynccontextmanager
    async def beside(cls, folder: Path) -> AsyncIterator[Self]:
        """One that listens, and a proxy that leads to it, while the block runs; *folder* keeps its certificate."""
        context, _ = certified(folder, NAME)
        async with receiving(context) as receiver:
            server = await asyncio.start_server(lambda *ends: _led(receiver.port, *ends), "127.0.0.1", 0)
            proxy = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            try:
                yield cls(receiver, {"TENURE_EGRESS_PROXY": proxy, AUTHORITY: str(folder / "certificate.pem")})
            finally:
                server.close()

    def heard(self) -> Sequence[Told]:
        """What has come, in its order."""
        known = self._heard
        known += map(Told.of, self.receiver.requests[len(known) :])
        return known

    def of(self, subscription: str) -> Sequence[Told]:
        """What has come about a subscription."""
        return [
            told for told in self.heard() if (told.event["data"].get("subscription") or {}).get("id") == subscription
        ]

    def wrong(self, committed: Sequence[Row[Any]], stands: Mapping[str, Any]) -> Iterator[str]:
        """What is wrong with what it was told of one subscription, given its events and how it stands."""
        heard: dict[str, list[Told]] = defaultdict(list)
        for told in self.of(stands["id"]):
            heard[told.id].append(told)
        ids = {str(row.id): row.type for row in committed}
        yield from (f"event {type_} was not delivered" for id_, type_ in ids.items() if id_ not in heard)
        yield from (f"event {id_} was delivered and is not there" for id_ in heard if id_ not in ids)
        for id_, times in heard.items():
            if len({told.body for told in times}) > 1:
                yield f"event {id_} came again as another one"
            if not all(told.is_signed_by(self.secret) for told in times):
                yield f"event {id_} is not signed"
        # As docs/events.md tells products to keep order: by the highest sequence, whenever it comes.
        copies = [told.event["data"]["subscription"] for times in heard.values() for told in times]
        kept: dict[str, Any] = max(copies, key=lambda copy: int(copy["sequence"]), default={})
        if (kept.get("status"), kept.get("access")) != (stands["status"], stands["access"]):
            yield f"by the highest sequence it is {kept.get('status')} with access {kept.get('access')}"


async def _led(port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Lead who asks for the product's name to it, as an HTTP proxy does; nobody gets anywhere else."""
    asked = (await reader.readuntil(b"\r\n\r\n")).split(b" ")
    if asked[:2] != [b"CONNECT", f"{NAME}:443".encode()]:
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        writer.close()
        return
    there, onward = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
    await asyncio.gather(_poured(reader, onward), _poured(there, writer))


async def _poured(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while some := await reader.read(65536):
            writer.write(some)
            await writer.drain()
    writer.close()

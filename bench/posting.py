"""Sends prepared requests over kept connections, as cheaply as it can: servers are measured, not their caller.

A process of its own: `python -m bench.posting HOST PORT FILE AT_ONCE`. The file holds requests, each behind its length;
what is printed is JSON: how long each answer took, and all of them together.
"""

import asyncio
import json
import struct
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

_LENGTH = struct.Struct(">I")


def request(path: str, headers: dict[str, str], body: bytes = b"", *, method: str = "POST") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: bench", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def write(file: Path, requests: Sequence[bytes]) -> None:
    file.write_bytes(b"".join(_LENGTH.pack(len(each)) + each for each in requests))


def _read(file: Path) -> list[bytes]:
    whole, at, found = file.read_bytes(), 0, []
    while at < len(whole):
        (length,) = _LENGTH.unpack_from(whole, at)
        found.append(whole[at + _LENGTH.size : at + _LENGTH.size + length])
        at += _LENGTH.size + length
    return found


async def _post(host: str, port: int, requests: Iterator[bytes], seconds: list[float]) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    for each in requests:
        began = time.perf_counter()
        writer.write(each)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        body = await reader.readexactly(length)
        seconds.append(time.perf_counter() - began)
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"refused: {head!r} {body!r}")
    writer.close()


async def _measure(host: str, port: int, file: Path, at_once: int) -> str:
    ready, seconds = _read(file), list[float]()
    requests = iter(ready)
    began = time.perf_counter()
    await asyncio.gather(*(_post(host, port, requests, seconds) for _ in range(at_once)))
    return json.dumps({"seconds": seconds, "in_all": time.perf_counter() - began})


if __name__ == "__main__":
    print(asyncio.run(_measure(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))))

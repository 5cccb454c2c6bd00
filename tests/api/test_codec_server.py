"""`tenure codec-server`: decrypts what Temporal's pages show, for operators of the installation."""

import base64
import os
from typing import Any

import httpx
import pytest
from google.protobuf.json_format import MessageToDict
from temporalio.api.common.v1 import Payloads

from api.codec_server import codec_app
from domain.errors import GatewayUnavailable
from services.payload_codec import EncryptedPayloads, PayloadKey, converter_with
from storage.access.api_keys import ApiKey, Role

KEY = PayloadKey("2026-11", os.urandom(32))
UI = "https://temporal.acme.com"
KEYS = {
    **{f"tn_{role}": ApiKey(role, "default", role, role) for role in Role},
    "tn_elsewhere": ApiKey("elsewhere", "another", Role.ADMIN, "elsewhere"),
}


async def verify(key: str) -> ApiKey | None:
    if key == "tn_down":
        raise GatewayUnavailable("the database is out of reach")
    return KEYS.get(key)


def caller() -> httpx.AsyncClient:
    app = codec_app(EncryptedPayloads([KEY]), verify, [f"{UI}/workflows"])
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://codec")


async def body_of(*values: object, key: PayloadKey = KEY) -> dict[str, Any]:
    found: dict[str, Any] = MessageToDict(Payloads(payloads=await converter_with([key]).encode(values)))
    return found


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.mark.parametrize("key", ["tn_admin", "tn_operator"])
async def test_an_operator_reads_what_is_encrypted(key: str) -> None:
    async with caller() as client:
        answer = await client.post("/decode", json=await body_of({"plan": "pro"}), headers=bearer(key))

    [payload] = answer.json()["payloads"]
    assert base64.b64decode(payload["data"]) == b'{"plan":"pro"}'
    assert base64.b64decode(payload["metadata"]["encoding"]) == b"json/plain"


async def test_what_is_not_encrypted_comes_back_as_it_is() -> None:
    plain = MessageToDict(Payloads(payloads=await converter_with([]).encode(["plain"])))

    async with caller() as client:
        answer = await client.post("/decode", json=plain, headers=bearer("tn_admin"))

    assert answer.json() == plain


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        (bearer("tn_nobody"), 401),
        ({"Authorization": "Basic ???"}, 401),
        ({"Authorization": "Digest x"}, 401),
        (bearer("tn_service"), 403),
        (bearer("tn_read_only"), 403),
        (bearer("tn_webhooks"), 403),
        (bearer("tn_elsewhere"), 403),
        (bearer("tn_down"), 503),
    ],
)
async def test_nobody_else_reads_anything(headers: dict[str, str], status: int) -> None:
    async with caller() as client:
        answer = await client.post("/decode", json=await body_of("secret"), headers=headers)

    assert answer.status_code == status
    assert "payloads" not in answer.json()


async def test_a_browser_signs_in_with_the_key_as_its_password() -> None:
    async with caller() as client:
        asked = await client.get("/")
        answer = await client.get("/", auth=("", "tn_operator"))

    assert (asked.status_code, answer.status_code) == (401, 200)
    assert asked.headers["www-authenticate"].startswith("Basic")


@pytest.mark.parametrize("content", [b"", b"no json", b"[]", b'{"payloads": 1}', b'{"other": []}', b"x" * 17_000_000])
async def test_what_is_no_list_of_payloads_is_refused(content: bytes) -> None:
    async with caller() as client:
        answer = await client.post("/decode", content=content, headers=bearer("tn_admin"))

    assert answer.status_code == 400


async def test_a_key_that_is_missing_is_named() -> None:
    async with caller() as client:
        body = await body_of("x", key=PayloadKey("2025", os.urandom(32)))
        answer = await client.post("/decode", json=body, headers=bearer("tn_admin"))

    assert answer.status_code == 400
    assert "'2025'" in answer.json()["detail"]


async def test_temporals_pages_may_ask_and_others_may_not() -> None:
    asking = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,x-namespace"}
    async with caller() as client:
        theirs = await client.options("/decode", headers=asking | {"Origin": UI})
        others = await client.options("/decode", headers=asking | {"Origin": "https://elsewhere.com"})

    assert (theirs.status_code, theirs.headers["access-control-allow-origin"]) == (200, UI)
    assert theirs.headers["access-control-allow-credentials"] == "true"
    assert others.status_code == 400
    assert "access-control-allow-origin" not in others.headers

"""Endpoints: up to ten of a tenant, each with a secret that is shown once and stored encrypted."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, select, update

from domain.encryption import MissingKey
from domain.errors import Rejected
from domain.events.endpoints import MOST_ENDPOINTS, DisabledReason, EndpointState
from gateways.encryption import AesGcmEncryption
from storage.db.cursors import PageRequest
from storage.db.engine import transaction
from storage.events.endpoints import EndpointChange, EndpointSecret, NewEndpoint, WebhookEndpoints
from storage.events.secrets import SecretKeeping, check_secret_keys, secrets_of
from storage.schema.event_tables import webhook_secrets
from tests.storage.events.rows import an_event, written
from tests.storage.ledger import Ledger

OLD, NEW = "an-old-secret-of-32-characters-0", "a-new-secret-of-32-characters-01"
BY_OLD, BY_NEW, BY_BOTH = (AesGcmEncryption(keys) for keys in ([OLD], [NEW], [NEW, OLD]))


def new_endpoint(**changes: object) -> NewEndpoint:
    given = {
        "id": uuid4(),
        "url": "https://product.example/",
        "description": "",
        "types": (),
        "created_by": "admin k1",
    }
    return NewEndpoint(**(given | changes))  # type: ignore[arg-type]


async def made(ledger: Ledger, **changes: object) -> EndpointSecret:
    return await WebhookEndpoints(ledger.engine, BY_OLD).create("default", new_endpoint(**changes))


async def valid_secrets(ledger: Ledger, endpoint: str, encryption: AesGcmEncryption = BY_OLD) -> tuple[str, ...]:
    async with transaction(ledger.engine) as connection:
        return await secrets_of(connection, encryption, "default", UUID(endpoint))


async def test_the_secret_is_shown_once_and_is_nowhere_in_the_database(ledger: Ledger) -> None:
    id_ = uuid4()
    first, again = await made(ledger, id=id_), await made(ledger, id=id_)

    assert first.secret is not None
    assert first.secret.startswith("whsec_")
    assert (again.endpoint, again.secret) == (first.endpoint, None)
    async with transaction(ledger.engine) as connection:
        [row] = (await connection.execute(select(webhook_secrets))).all()
    assert first.secret.encode() not in row.ciphertext
    assert await valid_secrets(ledger, first.endpoint.id) == (first.secret,)


async def test_there_is_room_for_ten_also_for_those_who_ask_at_once(ledger: Ledger) -> None:
    results = await asyncio.gather(*(made(ledger) for _ in range(MOST_ENDPOINTS + 2)), return_exceptions=True)

    refused = [each for each in results if isinstance(each, Rejected)]
    assert {each.code for each in refused} == {"too_many_webhook_endpoints"}
    assert (len(results) - len(refused), len(refused)) == (MOST_ENDPOINTS, 2)


async def test_a_deleted_one_makes_room_is_not_found_any_more_and_stays_deleted(ledger: Ledger) -> None:
    endpoints = WebhookEndpoints(ledger.engine, BY_OLD)
    all_ = [await made(ledger) for _ in range(MOST_ENDPOINTS)]
    gone = all_[0].endpoint.id

    for _ in range(2):
        await endpoints.delete("default", gone)

    assert await valid_secrets(ledger, gone) == ()
    await made(ledger)
    with pytest.raises(Rejected) as refused:
        await endpoints.get("default", gone)
    assert refused.value.code == "unknown_webhook_endpoint"
    assert gone not in {each.id for each in (await endpoints.find("default", PageRequest())).rows}


@pytest.mark.parametrize("endpoint", ["", "not-an-id", "00000000-0000-4000-8000-000000000000"])
async def test_what_is_no_endpoint_of_the_tenant_is_unknown(ledger: Ledger, endpoint: str) -> None:
    endpoints = WebhookEndpoints(ledger.engine, BY_OLD)

    for asked in (
        endpoints.get("default", endpoint),
        endpoints.delete("default", endpoint),
        endpoints.change("default", endpoint, EndpointChange(description="mine")),
        endpoints.rotate("default", endpoint, uuid4()),
    ):
        with pytest.raises(Rejected) as refused:
            await asked
        assert refused.value.code == "unknown_webhook_endpoint"


async def test_what_is_left_out_of_a_change_stays(ledger: Ledger) -> None:
    it = (await made(ledger, description="billing", types=("subscription.renewed",))).endpoint
    endpoints = WebhookEndpoints(ledger.engine, BY_OLD)

    moved = await endpoints.change("default", it.id, EndpointChange(url="https://product.example/new"))
    opened = await endpoints.change("default", it.id, EndpointChange(types=()))

    assert (moved.url, moved.description, moved.types) == ("https://product.example/new", "billing", it.types)
    assert (opened.url, opened.types) == (moved.url, ())
    assert await endpoints.change("default", it.id, EndpointChange()) == opened


async def test_a_disabled_one_gets_nothing_until_it_is_enabled(ledger: Ledger) -> None:
    it = (await made(ledger)).endpoint
    endpoints = WebhookEndpoints(ledger.engine, BY_OLD)
    await written(ledger.engine, an_event())

    disabled = await endpoints.change("default", it.id, EndpointChange(state=EndpointState.DISABLED))
    meanwhile = await written(ledger.engine, an_event())
    enabled = await endpoints.change("default", it.id, EndpointChange(state=EndpointState.ENABLED))

    assert (disabled.state, disabled.disabled_reason) == (EndpointState.DISABLED, DisabledReason.OPERATOR)
    assert (enabled.state, enabled.disabled_reason) == (EndpointState.ENABLED, None)
    assert not meanwhile
    assert [row["state"] for row in await ledger.rows("select state from event_deliveries")] == ["canceled"]
    assert len(await written(ledger.engine, an_event())) == 1


async def test_a_rotated_secret_signs_beside_the_new_one_until_it_expires(ledger: Ledger) -> None:
    first = await made(ledger)
    endpoints, new_id = WebhookEndpoints(ledger.engine, BY_OLD), uuid4()

    second = await endpoints.rotate("default", first.endpoint.id, new_id)
    again = await endpoints.rotate("default", first.endpoint.id, new_id)
    both = await valid_secrets(ledger, first.endpoint.id)
    third = await endpoints.rotate("default", first.endpoint.id, uuid4(), timedelta())

    assert second.secret not in (None, first.secret)
    assert again.secret is None
    assert both == (second.secret, first.secret)
    assert await valid_secrets(ledger, first.endpoint.id) == (third.secret, first.secret)


async def test_secrets_are_encrypted_anew_by_the_first_key_so_that_others_can_be_dropped(ledger: Ledger) -> None:
    it = await made(ledger)
    with pytest.raises(Rejected, match=f"key {BY_OLD.key_ids[0]} \\(1\\)") as missing:
        await check_secret_keys(ledger.engine, BY_NEW)
    assert missing.value.code == "secret_key_missing"
    with pytest.raises(MissingKey):
        await valid_secrets(ledger, it.endpoint.id, BY_NEW)
    await check_secret_keys(ledger.engine, BY_BOTH)

    assert await SecretKeeping(ledger.engine, BY_BOTH).sweep(1) == 1
    assert await SecretKeeping(ledger.engine, BY_BOTH).sweep(1) == 0

    await check_secret_keys(ledger.engine, BY_NEW)
    assert await valid_secrets(ledger, it.endpoint.id, BY_NEW) == (it.secret,)


async def test_a_secret_that_was_moved_to_another_endpoint_does_not_decrypt(ledger: Ledger) -> None:
    one, other = await made(ledger), await made(ledger)
    async with transaction(ledger.engine) as connection:
        await connection.execute(delete(webhook_secrets).where(webhook_secrets.c.endpoint == UUID(other.endpoint.id)))
        await connection.execute(update(webhook_secrets).values(endpoint=UUID(other.endpoint.id)))

    assert one.secret is not None
    with pytest.raises(ValueError, match="belongs to something else"):
        await valid_secrets(ledger, other.endpoint.id)

"""A one-time link opens one session, and both end when they say."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from sqlalchemy import text

from domain.errors import Rejected
from storage.access.web_sessions import (
    IDLE,
    KEPT,
    LONGEST,
    Destination,
    WebRole,
    WebSessions,
    end_links_and_sessions,
    new_token,
)
from storage.db.engine import transaction
from tests.harness.patience import until
from tests.storage.ledger import Ledger

LIVES = timedelta(minutes=5)
TO = Destination("acme", str(uuid4()), "cancel", "https://app.example/settings", "de", embed=True)


@pytest_asyncio.fixture
async def sessions(ledger: Ledger) -> WebSessions:
    return WebSessions(ledger.engine)


async def let_pass(ledger: Ledger, table: str, time: timedelta) -> None:
    """Makes every row of a table that much older."""
    columns = {"web_links": ("created_at", "expires_at"), "web_sessions": ("created_at", "seen_at", "expires_at")}
    older = ", ".join(f"{column} = {column} - interval '{time.total_seconds()} s'" for column in columns[table])
    await ledger.run(f"update {table} set {older}")  # noqa: S608


async def linked(sessions: WebSessions) -> str:
    token = new_token()
    await sessions.create_link(token, TO, LIVES)
    return token


async def code_of(sessions: WebSessions, token: str) -> str:
    with pytest.raises(Rejected) as refused:
        await sessions.enter(token)
    return refused.value.code


async def test_a_link_leads_where_it_was_made_to_lead_and_is_not_used_up_by_a_look(sessions: WebSessions) -> None:
    token = await linked(sessions)

    assert [await sessions.check_link(token) for _ in range(3)] == [TO] * 3
    session, to = await sessions.enter(token)

    found = await sessions.session(session)
    assert to == TO
    assert found is not None
    assert (found.tenant, found.subject, found.locale, found.embed) == (TO.tenant, TO.subject, "de", True)


async def test_a_link_opens_one_session_however_many_come_at_once(sessions: WebSessions, ledger: Ledger) -> None:
    token = await linked(sessions)

    answers = await asyncio.gather(*(sessions.enter(token) for _ in range(6)), return_exceptions=True)

    assert sorted(type(answer).__name__ for answer in answers) == ["Rejected"] * 5 + ["tuple"]
    assert await ledger.count("web_sessions") == 1
    assert await code_of(sessions, token) == "link_used"


async def test_an_expired_or_unknown_link_opens_nothing(sessions: WebSessions, ledger: Ledger) -> None:
    token = await linked(sessions)
    await let_pass(ledger, "web_links", LIVES)

    assert await code_of(sessions, token) == "link_expired"
    assert await code_of(sessions, "guessed") == "bad_link"
    assert await ledger.count("web_sessions") == 0


async def test_a_link_that_is_made_again_keeps_its_end(sessions: WebSessions, ledger: Ledger) -> None:
    token = new_token()
    first = await sessions.create_link(token, TO, LIVES)
    await sessions.enter(token)

    assert await sessions.create_link(token, TO, LIVES * 2) == first
    assert await code_of(sessions, token) == "link_used"


@pytest.mark.parametrize("pause", [IDLE, LONGEST])
async def test_a_session_is_over_when_it_was_idle_or_is_old(
    sessions: WebSessions, ledger: Ledger, pause: timedelta
) -> None:
    session, _ = await sessions.enter(await linked(sessions))

    await let_pass(ledger, "web_sessions", pause)

    assert await sessions.session(session) is None


async def test_a_session_in_use_lasts_until_its_end(sessions: WebSessions, ledger: Ledger) -> None:
    session, _ = await sessions.enter(await linked(sessions))
    step = IDLE - timedelta(minutes=1)

    lasted = timedelta()
    while await sessions.session(session) is not None:
        await let_pass(ledger, "web_sessions", step)
        lasted += step

    assert LONGEST <= lasted < LONGEST + IDLE


async def test_a_session_that_was_left_is_over(sessions: WebSessions) -> None:
    session, _ = await sessions.enter(await linked(sessions))

    await sessions.end(session)

    assert await sessions.session(session) is None


async def test_the_forms_of_a_session_carry_a_token_that_no_other_session_has(sessions: WebSessions) -> None:
    tokens = [(await sessions.enter(await linked(sessions)))[0] for _ in range(2)]
    first, second = [await sessions.session(token) for token in tokens]

    assert first is not None
    assert second is not None
    assert first.csrf != second.csrf
    assert first.csrf not in tokens


async def test_neither_links_nor_sessions_are_of_another_kind(sessions: WebSessions, ledger: Ledger) -> None:
    operators = WebSessions(ledger.engine, WebRole.OPERATOR)
    token = await linked(sessions)

    assert await code_of(operators, token) == "bad_link"
    session, _ = await sessions.enter(token)
    assert await operators.session(session) is None


async def test_no_token_is_stored(sessions: WebSessions, ledger: Ledger) -> None:
    token = await linked(sessions)
    session, _ = await sessions.enter(token)
    found = await sessions.session(session)

    stored = str(await ledger.everything())

    assert found is not None
    assert all(secret not in stored for secret in (token, session, found.csrf))


async def test_what_is_long_over_is_deleted(sessions: WebSessions, ledger: Ledger) -> None:
    await sessions.enter(await linked(sessions))
    for table in ("web_links", "web_sessions"):
        await let_pass(ledger, table, KEPT + LONGEST + timedelta(seconds=1))

    await linked(sessions)

    assert (await ledger.count("web_links"), await ledger.count("web_sessions")) == (1, 0)


async def test_links_and_sessions_that_are_ended_open_nothing_also_for_whoever_comes_at_that_moment(
    sessions: WebSessions, ledger: Ledger
) -> None:
    token, used, others = await linked(sessions), await linked(sessions), new_token()
    await sessions.create_link(others, replace(TO, subject=str(uuid4())), LIVES)
    session, _ = await sessions.enter(used)

    async def is_waiting() -> bool:
        async with ledger.engine.connect() as watching:
            waiting = await watching.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted"))
            return bool(waiting.scalar_one())

    async with transaction(ledger.engine, TO.tenant) as connection:
        await end_links_and_sessions(connection, WebRole.CUSTOMER, UUID(TO.subject))
        late = asyncio.create_task(code_of(sessions, token))
        await until(is_waiting)

    assert await late == "link_expired"
    assert await code_of(sessions, token) == "link_expired"
    assert await sessions.session(session) is None
    assert await ledger.count("web_sessions") == 0
    assert (await sessions.enter(others))[0]
    assert (await sessions.enter(await linked(sessions)))[0], "later links work"

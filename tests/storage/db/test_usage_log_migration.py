"""Usage that was counted before there was a log keeps its keys, also what is being counted while it is made."""

import asyncio

import asyncpg

from storage.db.migrations import downgrade, upgrade
from tests.harness.postgres import until_one_waits

BEFORE, WITH_THE_LOG = "0057", "0058"
CATALOG = """
    insert into catalog_versions (name, content) values ('shop_v1', '{}');
    insert into plan_limits (catalog, plan, meter, feature, per, per_unit, adds, mails, grace_days, is_one_of_several,
                             revision)
        values ('shop_v1', 'free', 'calls', 'calls', 'gauge', false, '{}', '{}', 0, false, 1)
"""
RULES = "'default', 'shop_v1', 'free', 'no_new_use', 'nothing'"
USE = f"select outcome from tenure_count_use({RULES}, 'ada', 'calls', 'consume', 1, $1, null, '', '')"  # noqa: S608
BATCH = f"""
    select outcome from tenure_count_uses({RULES}, array['ada'], array['calls'], array['consume'], array[1::bigint],
        array[$1], array[null::timestamptz], array[''], array[''])
"""  # noqa: S608
GIVE_BACK = f"select outcome from tenure_revert_use({RULES}, 'ada', array['calls'], $1, null)"  # noqa: S608
USED = "select used from usage"


async def test_keys_are_counted_once_before_while_and_after_the_log_is_made_and_when_it_is_gone(empty_url: str) -> None:
    await upgrade(empty_url, BEFORE)
    connection, busy = await asyncpg.connect(empty_url), await asyncpg.connect(empty_url)
    await connection.execute(CATALOG)
    assert await connection.fetchval(USE, "before") == "counted"
    transaction = busy.transaction()
    await transaction.start()
    assert await busy.fetchval(USE, "meanwhile") == "counted"

    migrating = asyncio.create_task(upgrade(empty_url, WITH_THE_LOG))
    await until_one_waits(empty_url)
    await transaction.commit()
    await migrating

    for statement in (USE, BATCH):
        for key in ("before", "meanwhile"):
            assert await connection.fetchval(statement, key) == "repeated"
    assert await connection.fetchval(USE, "after") == "counted"
    assert await connection.fetchval("select array_agg(key) from usage_log") == ["after"]
    assert await connection.fetchval(GIVE_BACK, "before") == "given_back"
    assert await connection.fetchval(GIVE_BACK, "before") == "given_back"
    assert await connection.fetchval(USE, "before") == "key_reused"
    assert await connection.fetchval(USED) == 2

    await downgrade(empty_url, BEFORE)

    for key in ("meanwhile", "after"):
        assert await connection.fetchval(USE, key) == "repeated"
    assert await connection.fetchval(GIVE_BACK, "after") == "given_back"
    assert await connection.fetchval(USED) == 1
    await connection.close()
    await busy.close()


async def test_a_function_of_the_previous_release_that_is_still_running_logs_what_it_counts(empty_url: str) -> None:
    """It has read no known key before the log was made, and records among the events when it is."""
    await upgrade(empty_url, WITH_THE_LOG)
    connection = await asyncpg.connect(empty_url)
    await connection.execute(CATALOG)
    record = (
        "insert into usage_events (tenant, key, customer, meter, action, quantity, at)"
        " values ('default', $1, 'ada', 'calls', 'consume', 1, now()) on conflict do nothing returning key"
    )

    assert await connection.fetchval(USE, "new") == "counted"
    assert await connection.fetchval(record, "new") is None, "as if another had counted it"
    assert await connection.fetchval(record, "old") == "old"
    assert await connection.fetchval(USE, "old") == "repeated"
    await connection.close()

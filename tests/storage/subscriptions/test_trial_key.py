"""An installation has one trial key, which the marks of earlier releases are given."""

import asyncio
from uuid import uuid4

import pytest

from domain.errors import Rejected
from domain.subscription.policy import TrialMark
from storage.subscriptions import trial_key
from storage.subscriptions.trial_key import check_trial_key, key_all_marks
from storage.subscriptions.trials import TrialKey, Trials, plain_digest
from tests.harness.trial_key import TRIAL_KEY
from tests.storage.ledger import Ledger

EMAIL = (TrialMark.EMAIL,)


async def a_plain_mark(ledger: Ledger, subscription: str, email: str) -> None:
    """As a release without the key writes it."""
    digest = plain_digest("default", TrialMark.EMAIL, email)
    await ledger.run(
        "insert into trials (tenant, kind, digest, subscription, at) "  # noqa: S608 - values of ours
        f"values ('default', 'email', '{digest}', '{subscription}', '2026-01-01Z')"
    )


async def had_one(ledger: Ledger, email: str, key: TrialKey = TRIAL_KEY) -> bool:
    trials = Trials(ledger.engine, key)
    asked = {"tenant": "default", "external_id": str(uuid4()), "email": email}
    return await trials.used(**asked, one_per=EMAIL) is not None


async def test_the_first_process_sets_the_key_and_all_others_are_held_to_it(ledger: Ledger) -> None:
    await asyncio.gather(*(check_trial_key(ledger.engine, TRIAL_KEY) for _ in range(5)))
    await check_trial_key(ledger.engine, TrialKey("the trial key of the tests"))

    with pytest.raises(Rejected, match="set that one again") as refusal:
        await check_trial_key(ledger.engine, TrialKey("another key"))

    assert refusal.value.code == "trial_key_differs"
    told = str(await ledger.rows("select * from installation"))
    assert TRIAL_KEY.fingerprint in told
    assert "the trial key of the tests" not in told


async def test_marks_without_a_key_are_given_it_in_batches_and_found_before_and_after(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial_key, "BATCH_SIZE", 2)
    people = [await ledger.sign_up(f"c{number}") for number in range(5)]
    for number, each in enumerate(people):
        await a_plain_mark(ledger, each.id, f"c{number}@example.com")
        await a_plain_mark(ledger, each.id, f"c{number}@former.example")
    addresses = [f"c{number}@{domain}" for number in range(5) for domain in ("example.com", "former.example")]
    assert all([await had_one(ledger, address) for address in addresses])

    given = await asyncio.gather(*(key_all_marks(ledger.engine, TRIAL_KEY) for _ in range(3)))

    assert sum(given) == 10
    rows = await ledger.rows("select digest, keyed from trials")
    assert {row["digest"] for row in rows} == {TRIAL_KEY.digest("default", TrialMark.EMAIL, one) for one in addresses}
    assert all(row["keyed"] for row in rows)
    assert all([await had_one(ledger, address) for address in addresses])
    assert not await had_one(ledger, "nobody@example.com")
    assert not await had_one(ledger, addresses[0], TrialKey("another key"))
    assert await key_all_marks(ledger.engine, TRIAL_KEY) == 0


async def test_a_mark_that_an_earlier_release_writes_beside_ours_is_merged(ledger: Ledger) -> None:
    ada = await ledger.sign_up("ada")
    await a_plain_mark(ledger, ada.id, "ada@example.com")
    await key_all_marks(ledger.engine, TRIAL_KEY)
    await a_plain_mark(ledger, ada.id, "ada@example.com")

    await key_all_marks(ledger.engine, TRIAL_KEY)

    assert await ledger.count("trials") == 1
    assert await had_one(ledger, "ada@example.com")

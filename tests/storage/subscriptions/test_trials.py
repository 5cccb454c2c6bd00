"""A trial starts once per mark, however many start at once, and no names are stored for it."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from domain.errors import Rejected
from domain.subscription.journal import Step, TrialClaim
from domain.subscription.lifecycle import Status
from domain.subscription.policy import TrialMark
from domain.subscription.state import Subscription
from storage.subscriptions.trials import Trials
from tests.builders import NOW, VISA, a_trial
from tests.harness.trial_key import TRIAL_KEY
from tests.storage.ledger import Ledger, a_mail, a_step, later

ALL = tuple(TrialMark)
CARD = replace(VISA, fingerprint="fp_visa")


async def newcomer(ledger: Ledger, external_id: str, email: str | None = None, **changes: object) -> Subscription:
    """A requested trial that is not yet recorded."""
    tenant = str(changes.get("tenant", "default"))
    address = email or f"{external_id}@example.com"
    customer = await ledger.customers.upsert(tenant=tenant, external_id=external_id, email=address)
    return a_trial(id=str(uuid4()), customer=customer, **changes)


def begins(subscription: Subscription, one_per: tuple[TrialMark, ...] = ALL) -> Step:
    return a_step(subscription, a_mail(), trial=TrialClaim(one_per))


async def begun(ledger: Ledger, external_id: str, email: str | None = None, **changes: object) -> Subscription:
    """A recorded trial."""
    subscription = await newcomer(ledger, external_id, email, **changes)
    await ledger.save(begins(subscription))
    return subscription


async def over(ledger: Ledger, subscription: Subscription) -> None:
    await ledger.save(a_step(later(subscription, status=Status.CANCELED)))


async def refusal(ledger: Ledger, subscription: Subscription, one_per: tuple[TrialMark, ...] = ALL) -> str:
    """The error of a refused trial; nothing of it is stored."""
    before = await ledger.everything()
    with pytest.raises(Rejected) as refused:
        await ledger.save(begins(subscription, one_per))
    assert await ledger.everything() == before
    assert refused.value.code == "trial_used"
    return refused.value.message


async def test_a_customer_who_had_a_trial_gets_no_other(ledger: Ledger) -> None:
    await over(ledger, await begun(ledger, "ada"))

    assert "per customer" in await refusal(ledger, await newcomer(ledger, "ada", "ada@another.example"))


async def test_a_mailbox_that_had_a_trial_gets_no_other_however_it_is_written(ledger: Ledger) -> None:
    await begun(ledger, "ada", "ada.lovelace@gmail.com")

    for number, address in enumerate(("AdaLovelace@googlemail.com", "ada.lovelace+again@gmail.com")):
        assert "per mail address" in await refusal(ledger, await newcomer(ledger, f"other-{number}", address))


async def test_a_card_that_had_a_trial_gets_no_other_for_any_customer(ledger: Ledger) -> None:
    await begun(ledger, "ada", card=CARD)

    assert "per card" in await refusal(ledger, await newcomer(ledger, "grace", card=replace(CARD, ref="pm_other")))


async def test_a_card_that_came_while_the_trial_ran_counts_as_well(ledger: Ledger) -> None:
    ada = await begun(ledger, "ada")
    await ledger.save(a_step(later(ada, card=CARD)))

    assert "per card" in await refusal(ledger, await newcomer(ledger, "grace", card=CARD))


async def test_a_card_of_somebody_else_can_be_put_on_file_during_a_trial(ledger: Ledger) -> None:
    await begun(ledger, "ada", card=CARD)
    grace = await begun(ledger, "grace")

    await ledger.save(a_step(later(grace, card=CARD)))

    assert await ledger.rows("select count(*)::int as n from trials where kind = 'card'") == [{"n": 1}]


async def test_cards_without_a_fingerprint_are_never_refused(ledger: Ledger) -> None:
    await begun(ledger, "ada", card=VISA)
    await begun(ledger, "grace", card=VISA)

    assert await ledger.rows("select * from trials where kind = 'card'") == []


@pytest.mark.parametrize("mark", list(TrialMark))
async def test_only_the_rules_of_the_policy_refuse_and_the_others_can_be_made_later(
    ledger: Ledger, mark: TrialMark
) -> None:
    first = await newcomer(ledger, "ada", card=CARD)
    await ledger.save(begins(first, ()))
    await over(ledger, first)
    again = await newcomer(ledger, "ada", card=CARD)

    others = tuple(other for other in TrialMark if other is not mark)
    assert await refusal(ledger, again, (mark,))
    for other in others:
        assert await refusal(ledger, again, (other,)) != await refusal(ledger, again, (mark,))
    await ledger.save(begins(again, ()))


async def test_the_marks_of_the_first_trial_stay_when_another_was_allowed(ledger: Ledger) -> None:
    first = await begun(ledger, "ada")
    await over(ledger, first)
    before = await ledger.rows("select * from trials order by kind")

    await ledger.save(begins(await newcomer(ledger, "ada"), ()))

    assert await ledger.rows("select * from trials order by kind") == before


async def test_a_paid_start_is_not_a_trial_and_uses_none_up(ledger: Ledger) -> None:
    paid = await newcomer(ledger, "ada", card=CARD, trial_ends_at=None)
    await ledger.save(a_step(paid))
    await over(ledger, paid)

    await ledger.save(begins(await newcomer(ledger, "ada", card=CARD)))


async def test_a_refused_trial_is_not_used_up(ledger: Ledger) -> None:
    await begun(ledger, "ada", "ada@example.com")
    await refusal(ledger, await newcomer(ledger, "eve", "ada@example.com", card=CARD))

    await begun(ledger, "eve", "eve@example.com", card=CARD)


async def test_each_tenant_counts_its_own_trials(ledger: Ledger) -> None:
    await begun(ledger, "ada", card=CARD)
    await begun(ledger, "ada", card=CARD, tenant="acme")

    digests = await ledger.rows("select digest from trials")
    assert len({row["digest"] for row in digests}) == len(digests) == 6


async def test_one_trial_begins_when_ten_customers_of_one_mailbox_sign_up_at_once(ledger: Ledger) -> None:
    crowd = [await newcomer(ledger, f"c{n}", f"ada+{n}@example.com") for n in range(10)]

    answers = await asyncio.gather(*(ledger.save(begins(one)) for one in crowd), return_exceptions=True)

    refused = [answer for answer in answers if isinstance(answer, BaseException)]
    assert [(type(error), getattr(error, "code", "")) for error in refused] == [(Rejected, "trial_used")] * 9
    counts = {table: await ledger.count(table) for table in ("subscriptions", "journal", "mails", "trials")}
    assert counts == {"subscriptions": 1, "journal": 2, "mails": 1, "trials": 2}


async def test_nobody_waits_for_ever_when_trials_share_marks_crosswise(ledger: Ledger) -> None:
    for n in range(10):
        card = replace(VISA, fingerprint=f"fp_{n}")
        crowd = [
            await newcomer(ledger, f"{who}-{n}", f"{mailbox}-{n}@example.com", card=card)
            for who, mailbox in (("a", "x"), ("b", "y"), ("c", "x"), ("d", "y"))
        ]
        answers = await asyncio.gather(*(ledger.save(begins(one)) for one in crowd), return_exceptions=True)
        codes = [getattr(answer, "code", "begun") for answer in answers]
        assert sorted(codes) == ["begun"] + ["trial_used"] * 3


async def test_a_step_that_is_written_again_is_not_a_second_trial(ledger: Ledger) -> None:
    step = begins(await newcomer(ledger, "ada", card=CARD))
    await ledger.save(step)
    before = await ledger.everything()

    await ledger.save(step)

    assert await ledger.everything() == before


async def test_nothing_that_is_kept_of_a_trial_names_anybody(ledger: Ledger) -> None:
    await begun(ledger, "ada-lovelace", "ada@example.com", card=CARD)

    rows = await ledger.rows("select kind, digest, at from trials order by kind")
    assert [row["kind"] for row in rows] == ["card", "customer", "email"]
    assert all(row["at"] == NOW for row in rows)
    told = str(await ledger.rows("select * from trials")).lower()
    assert [word for word in ("lovelace", "example.com", "fp_visa") if word in told] == []


async def test_a_preview_finds_a_trial_of_another_subscription_only(ledger: Ledger) -> None:
    first = await begun(ledger, "ada", created_at=NOW + timedelta(hours=1))
    trials = Trials(ledger.engine, TRIAL_KEY)

    async def used(external_id: str, email: str, one_per: tuple[TrialMark, ...] = ALL, **more: str) -> TrialMark | None:
        asked = {"tenant": "default", "besides": str(uuid4())} | more
        return await trials.used(external_id=external_id, email=email, one_per=one_per, **asked)

    assert await used("ada", "Ada+x@example.com") is TrialMark.CUSTOMER
    assert await used("eve", "Ada+x@example.com") is TrialMark.EMAIL
    assert await used("eve", "eve@example.com") is None
    assert await used("ada", "ada@example.com", one_per=(TrialMark.CARD,)) is None
    assert await used("ada", "ada@example.com", besides=first.id) is None
    assert await used("ada", "ada@example.com", tenant="acme") is None

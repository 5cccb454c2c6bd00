"""Lives on several processes of each kind that all stay alive: come out right, and nothing was done twice."""

from collections import Counter

from tests.chaos.invariants import Inspector
from tests.chaos.random_lives import FAULTS, play_batch
from tests.chaos.storm import weathered
from tests.fleet.fleet import Fleet
from tests.fleet.histories import failed_tasks, left_to_sweep, told
from tests.fleet.patient_product import PatientProduct
from tests.harness.site import Tell

LIVES = 7
"""One of each kind of the storm."""
SEEDS = range(300, 306)


async def test_a_storm_over_the_fleet_leaves_everything_paid_and_mailed_once_and_stripe_asked_once(
    fleet: Fleet, customers: PatientProduct, examiner: Inspector, tell: Tell
) -> None:
    seen = await weathered(fleet.servers, customers, examiner, LIVES)

    ids = [life.id for life in seen.storm.lives]
    heard = await told(fleet.servers.client, ids)
    twice = {event for event, times in heard.items() if times > 1} - await left_to_sweep(fleet.servers.engine)
    failed = await failed_tasks(fleet.servers.client, ids)
    tell(
        f"{len(ids)} lives in a storm: {len(heard)} events told, {len(twice)} of them twice,"
        f" {customers.copies.total()} doubled mails, {failed.total()} failed workflow tasks"
    )
    assert (seen.storm.broken, seen.after) == ([], {})
    assert twice == set()
    assert customers.copies == Counter()


async def test_random_lives_on_the_fleet_come_out_right(
    customers: PatientProduct, examiner: Inspector, tell: Tell
) -> None:
    wrong = await play_batch(customers, examiner, SEEDS, FAULTS[1])

    tell(f"{len(SEEDS)} random lives: {len(wrong)} came out wrong, {customers.copies.total()} doubled mails")
    assert not wrong, "\n".join(wrong)
    assert customers.copies == Counter()

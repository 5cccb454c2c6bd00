"""What is drawn for a crowd: the same for the same seed, a year that grows, and somebody in every role."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.subscription.contact_hours import Hours, rungs_for
from domain.subscription.policy import DEFAULT_POLICY
from sandbox.crowd.acts import Deed, Plot
from sandbox.crowd.plots import plots
from sandbox.crowd.roles import Role, cast

NOW = datetime(2026, 3, 31, 15, tzinfo=UTC)
A_YEAR = timedelta(days=366)
DRAFT = timedelta(hours=1)
"""How long an invoice of a renewal waits before it is charged."""


def drawn(number: int = 500, seed: int = 1, trial_days: int = 14) -> list[Plot]:
    return plots(number, NOW, trial_days, seed, "drawn")


def test_the_same_seed_draws_the_same_year_and_another_seed_another() -> None:
    assert drawn() == drawn()
    assert drawn() != drawn(seed=2)


def test_everybody_signs_up_within_the_last_year_and_more_in_every_quarter() -> None:
    ages = [NOW - plot.signs_up_at for plot in drawn()]

    assert all(timedelta() < age < A_YEAR for age in ages)
    quarters = Counter(min(age // timedelta(days=91.3), 3) for age in ages)
    assert quarters[0] > quarters[1] > quarters[2] > quarters[3] > 0


def test_nothing_happens_after_the_present_or_before_the_sign_up() -> None:
    for plot in drawn():
        moments = [plot.signs_up_at + timedelta(days=act.day) for act in plot.acts]
        assert moments == sorted(moments)
        assert all(plot.signs_up_at <= moment <= NOW for moment in moments)


@pytest.mark.parametrize("trial_days", [14, 0, 30])
def test_somebody_is_found_in_every_role_once_there_are_enough(trial_days: int) -> None:
    found = Counter(plot.role for plot in drawn(len(Role), trial_days=trial_days))

    assert found == dict.fromkeys([role.value for role in Role], 1)


def test_a_small_crowd_has_those_in_the_first_roles() -> None:
    assert {plot.role for plot in drawn(3)} == {role.value for role in list(Role)[:3]}


def test_trials_end_when_their_roles_say() -> None:
    ends = {plot.role: plot.signs_up_at + timedelta(days=plot.trial_days) for plot in drawn(len(Role))}

    for role in (Role.TRIAL_ENDS_TODAY, Role.TRIAL_ENDS_TODAY_WITHOUT_CARD):
        assert timedelta() < ends[role] - NOW < timedelta(hours=9)
    for role in (Role.TRIAL_ENDS_THIS_WEEK, Role.TRIAL_ENDS_THIS_WEEK_WITHOUT_CARD):
        assert timedelta(days=1) < ends[role] - NOW < timedelta(days=7)


@given(st.integers(0, 4 * 365 * 24 * 60).map(lambda minutes: NOW + timedelta(minutes=minutes)))
@example(datetime(2026, 11, 14, 13, 40, tzinfo=UTC))
@example(datetime(2026, 12, 1, 5, 54, tzinfo=UTC))
def test_whoever_pays_what_they_owe_does_so_before_any_retry(now: datetime) -> None:
    plot = cast(Role.PAID_WHAT_WAS_OWED, now, 14, Random(1))  # noqa: S311 - chance, not a secret
    [pays] = [act for act in plot.acts if act.deed is Deed.PAY]
    renewed_at = now - timedelta(days=45)

    assert plot.signs_up_at.day == renewed_at.day
    after_decline = plot.signs_up_at + timedelta(days=pays.day) - renewed_at - DRAFT
    hours = Hours(DEFAULT_POLICY.retry_earliest, DEFAULT_POLICY.retry_latest)
    for zone in ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"):
        declined_at = renewed_at + DRAFT
        _, retry, *_ = rungs_for(declined_at, DEFAULT_POLICY.recovery, hours, zone)
        assert timedelta() < after_decline < retry - declined_at


def test_people_have_addresses_of_their_own_under_domains_for_examples() -> None:
    crowd = [plot.contact for plot in drawn()]

    assert len({one.external_id for one in crowd}) == len({one.email for one in crowd}) == 500
    assert all(one.email.isascii() and one.email.endswith(".example") for one in crowd)
    assert len({one.timezone for one in crowd}) > 10
    assert {(one.locale or "").partition("-")[0] for one in crowd} >= {"en", "de", "fr", "es", "ja"}

"""How urgent an activity is, and that tenants take turns."""

import pytest

from workflows.priorities import MAX_FAIRNESS_KEY_BYTES, Urgency, interactive, priority


@pytest.mark.parametrize("urgency", Urgency)
def test_tenants_take_turns_within_an_urgency(urgency: Urgency) -> None:
    ours, theirs = priority(urgency, "acme"), priority(urgency, "zenith")

    assert ours.priority_key == theirs.priority_key == urgency
    assert (ours.fairness_key, theirs.fairness_key) == ("acme", "zenith")


def test_what_a_caller_waits_for_goes_first_and_in_turns_too() -> None:
    with interactive():
        inside = priority(Urgency.REMINDER, "acme")

    assert (inside.priority_key, inside.fairness_key) == (Urgency.INTERACTIVE, "acme")
    assert priority(Urgency.REMINDER, "acme").priority_key == Urgency.REMINDER


def test_the_name_of_a_tenant_is_cut_where_temporal_takes_no_more() -> None:
    key = priority(Urgency.LOOKUP, "ü" * 40).fairness_key

    assert key == "ü" * 32
    assert len(key.encode()) == MAX_FAIRNESS_KEY_BYTES

"""What tests put on the wire is known by its form, whoever it is about."""

import pytest

from tests.harness.wire_record import WireRecord, pattern

SUBSCRIPTION = "6b8f0c6e-3a53-4f8c-9a0e-0d8c5f1e2a31"


@pytest.mark.parametrize(
    ("key", "form"),
    [
        (f"{SUBSCRIPTION}/charge/12", "{id}/charge/{n}"),
        (f"{SUBSCRIPTION}/charge/12/again/2/void", "{id}/charge/{n}/void"),
        (f"{SUBSCRIPTION}/hold/on/3/evt_1aB", "{id}/hold/on/{n}/{evt}"),
        (f"{SUBSCRIPTION}/change/2026-11-05T09:30:00+00:00", "{id}/change/{at}"),
        (f"{SUBSCRIPTION}/card/sha256:{'0a' * 32}/attach", "{id}/card/{command}/attach"),
        (f"{SUBSCRIPTION}/again/cus_1", "{id}/again/{cus}"),
        (f"tenure_{'0a' * 32}/1793871000000000/0", "tenure_{digest}/{digest}/{n}"),
        ("tenure/price/shop_pro_month_v1/4900usd/use/100", "tenure/price/{name}/{amount}/use/{n}"),
        ("usage_limit/runs/2026-11-05T09:30:00Z/100/1000", "usage_limit/{feature}/{at}/{n}/{n}"),
    ],
)
def test_a_key_is_known_by_its_form(key: str, form: str) -> None:
    assert pattern(key) == form


def test_of_a_call_the_key_is_noted_where_a_life_names_the_try_and_the_metadata_everywhere(
    pytestconfig: pytest.Config,
) -> None:
    record = WireRecord(pytestconfig)
    call = ("sub_1", {"metadata": {"tenure_try": "s"}}, {"idempotency_key": f"{SUBSCRIPTION}/charge/1"})

    record.called(("subscriptions", "update_async"), call)
    assert record.seen == {("stripe metadata", "subscriptions.update: tenure_try")}

    record.is_on_stack = True
    record.called(("subscriptions", "update_async"), call)
    assert record.seen >= {("stripe keys", "subscriptions.update: {id}/charge/{n}")}

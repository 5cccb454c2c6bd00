"""What is recorded of a subscription is brought to what it is worth."""

import pytest

from domain.revenue.amounts import annual, paused_annual
from domain.revenue.corrections import Recorded, corrections
from domain.revenue.movements import MovementKind
from domain.subscription.ends import EndKind
from domain.subscription.lifecycle import Status
from domain.subscription.state import Subscription
from tests.builders import a_paid_subscription, a_paused_subscription, a_suspended_subscription, a_trial

WORTH = 12 * 4900
PAID, PAUSED, SUSPENDED = a_paid_subscription(), a_paused_subscription(), a_suspended_subscription()
OVER = a_paid_subscription(status=Status.CANCELED, end_kind=EndKind.OPERATOR)


@pytest.mark.parametrize(
    ("recorded", "now", "kinds"),
    [
        pytest.param(Recorded(WORTH), PAID, [], id="right"),
        pytest.param(Recorded(0), a_trial(), [], id="nothing-yet"),
        pytest.param(Recorded(0, WORTH), PAUSED, [], id="paused-and-right"),
        pytest.param(Recorded(0), PAID, ["opening"], id="began-unrecorded"),
        pytest.param(Recorded(1200), PAID, ["expansion"], id="grew"),
        pytest.param(Recorded(WORTH + 1), PAID, ["contraction"], id="shrank"),
        pytest.param(Recorded(WORTH), SUSPENDED, ["churn"], id="suspended"),
        pytest.param(Recorded(WORTH), OVER, ["churn"], id="ended"),
        pytest.param(Recorded(WORTH), PAUSED, ["pause"], id="paused"),
        pytest.param(Recorded(0, WORTH), PAID, ["resume"], id="resumed"),
        pytest.param(Recorded(0, 1200), PAID, ["resume", "expansion"], id="resumed-and-grew"),
        pytest.param(Recorded(1, WORTH), OVER, ["resume", "churn"], id="ended-while-paused"),
    ],
)
def test_what_is_missing_is_added(recorded: Recorded, now: Subscription, kinds: list[str]) -> None:
    found = corrections(recorded, now)

    assert [each.kind.value for each in found] == kinds
    assert recorded.worth + sum(each.delta for each in found) == annual(now)
    of_pauses = [each.delta for each in found if each.kind in (MovementKind.PAUSE, MovementKind.RESUME)]
    assert recorded.paused - sum(of_pauses) == paused_annual(now)


def test_a_churn_that_is_added_says_why() -> None:
    [churn] = corrections(Recorded(WORTH), OVER)
    assert churn.end_kind is EndKind.OPERATOR

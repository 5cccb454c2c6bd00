"""What a worker writes down of itself: what is to be expected in one line, a fault of ours with all there is to it."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import temporalio.activity
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.failures import as_temporal_failures
from domain.errors import GatewayRefused, GatewayUnavailable, Rejected
from tenure.cli import logs

EXTRA = {"__temporal_error_identifier": "ActivityFailure"}


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What goes to the log, as JSON; logging is as before afterwards."""
    root, stream = logging.getLogger(), io.StringIO()
    before, level = list(root.handlers), root.level
    logs.configure(as_json=True, stream=stream)
    yield stream
    root.handlers, root.level = before, level


def fail(error: Exception) -> None:
    """As Temporal's SDK ends an activity."""

    def activity() -> None:
        try:
            with as_temporal_failures():
                raise error from ConnectionError("of a library")  # noqa: TRY301 - as a gateway does
        except Exception:  # noqa: BLE001 - as the SDK does
            temporalio.activity.logger.warning("Completing activity as failed", exc_info=True, extra=EXTRA)

    ActivityEnvironment().run(activity)


@pytest.mark.parametrize(
    "error",
    [
        GatewayRefused("no such payment method", code="card_declined", field="payment_method"),
        Rejected("there is a subscription already", code="already_subscribed"),
        GatewayUnavailable("Stripe does not respond", code="provider_unavailable"),
    ],
)
def test_what_is_to_be_expected_is_one_line(written: io.StringIO, error: Exception) -> None:
    fail(error)

    [line] = written.getvalue().splitlines()
    told = json.loads(line)
    assert (told["event"], told["level"], told["why"]) == ("step refused", "warning", str(error))
    assert told["code"] in ("card_declined", "already_subscribed", "provider_unavailable")
    assert told["attempt"] == 1
    assert {"activity_type", "workflow_id"} <= set(told)
    assert "Traceback" not in line


@pytest.mark.parametrize("error", [KeyError("a fault of ours"), ApplicationError("of nobody's", type="x")])
def test_a_bug_keeps_its_traceback(written: io.StringIO, error: Exception) -> None:
    fail(error)

    assert "Traceback" in written.getvalue()
    assert "Completing activity as failed" in written.getvalue()


def test_to_configure_twice_is_to_configure_once(written: io.StringIO) -> None:
    logs.configure(as_json=True, stream=written)

    fail(Rejected("no"))

    assert len(written.getvalue().splitlines()) == 1

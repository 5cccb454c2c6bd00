"""What a collector is sent of one life: the trace of a command down to Stripe and SQL, and that of a timer."""

import io
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from temporalio.worker import Replayer

from services.payload_codec import converter_with
from tenure.cli import logs
from tests.docs.tracing_page import PAGE, names_shown
from tests.harness.collector import Sent
from tests.harness.traced_life import CONVERT, EXTERNAL_ID, NAME, TracedLife, traced_life
from tracing.open_telemetry import exporting
from worker.build import WORKFLOWS, workflow_runner
from worker.traced_work import TracedWork

OF_A_KEY = {"SELECT api_keys", "UPDATE api_keys"}
"""Asked only where the key was not seen in the last seconds."""
PERSONAL = (EXTERNAL_ID, NAME, "@example.com", "pm_card_visa")


@dataclass(frozen=True)
class Lived:
    """A traced life, and what API and worker have logged meanwhile."""

    life: TracedLife
    log: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.splitlines()]


@pytest.fixture(scope="module")
async def lived() -> AsyncIterator[Lived]:
    root, stream = logging.getLogger(), io.StringIO()
    before, level = list(root.handlers), root.level
    logs.configure(as_json=True, stream=stream)
    async with traced_life() as life:
        root.handlers, root.level = before, level
        yield Lived(life, stream.getvalue())


def path(lived: Lived, root: Sent, *names: str) -> Sent:
    """Go down from a span to its child of each name in turn; all are of its trace."""
    at = root
    for name in names:
        at = lived.life.collector.below(at, name)
        assert at.trace == root.trace
    return at


async def test_one_trace_leads_from_a_command_to_stripe_and_to_the_database(lived: Lived) -> None:
    request = lived.life.collector.root(CONVERT)

    update = path(lived, request, "send convert", "update convert")

    asked = path(lived, update, "activity begin", "Stripe POST /v1/subscriptions")
    assert asked.attributes["http.response.status_code"] == 200
    assert path(lived, update, "activity record", "INSERT journal").attributes["db.system.name"] == "postgresql"
    mail = ("start MailWorkflow", "run MailWorkflow", "activity deliver", "UPDATE mails")
    record = [one for one in lived.life.collector.children(update) if one.name == "activity record"][-1]
    assert path(lived, record, *mail).attributes["db.collection.name"] == "mails"


async def test_a_command_names_its_subscription_and_what_it_does(lived: Lived) -> None:
    request = lived.life.collector.root(CONVERT)
    update = path(lived, request, "send convert", "update convert")

    for one in (request, update, path(lived, update, "activity begin")):
        assert one.attributes["tenure.subscription"] == lived.life.subscription
    assert update.attributes["tenure.action"] == "convert"
    assert (request.attributes["http.route"], request.attributes["http.response.status_code"]) == (
        "/v1/subscriptions/{subscription_id}/convert",
        200,
    )


async def test_a_timer_begins_a_trace_that_links_to_the_one_that_set_it(lived: Lived) -> None:
    sign_up = lived.life.collector.root("POST /v1/subscriptions")
    activation = path(lived, sign_up, "send sign_up", "activate")

    reminder = lived.life.collector.root("step send_reminder")

    assert (reminder.links, reminder.linked_traces) == ((activation.id,), (sign_up.trace,))
    assert reminder.trace != sign_up.trace
    assert path(lived, reminder, "activity record", "INSERT mails").attributes["db.operation.name"] == "INSERT"


async def test_spans_have_their_parents_and_end_after_they_began(lived: Lived) -> None:
    spans = lived.life.collector.spans
    ids = {one.id for one in spans}

    assert len(ids) == len(spans)
    assert [one.name for one in spans if one.parent and one.parent not in ids] == []
    assert [one.name for one in spans if one.ended < one.began] == []
    assert [one.name for one in spans if one.is_error] == []


async def test_nothing_personal_is_sent(lived: Lived) -> None:
    sent = bytes(lived.life.collector.raw).decode(errors="replace")

    assert lived.life.subscription in sent
    assert [mark for mark in PERSONAL if mark.lower() in sent.lower()] == []
    assert lived.life.collector.services == {"tenure-sandbox"}


async def test_log_lines_name_the_trace_and_the_subscription_and_nothing_personal(lived: Lived) -> None:
    trace = lived.life.collector.root(CONVERT).trace

    [line] = [one for one in lived.lines if str(one.get("route")).endswith("/convert")]

    assert (line["trace_id"], line["subscription"]) == (trace, lived.life.subscription)
    assert [mark for mark in PERSONAL if mark.lower() in lived.log.lower()] == []


async def test_what_was_traced_replays_without_traces_and_with_them(lived: Lived) -> None:
    spans = exporting("http://127.0.0.1:9", "replays", 1.0)
    for interceptors in ([], [TracedWork(spans)]):
        replayer = Replayer(
            workflows=WORKFLOWS,
            workflow_runner=workflow_runner(),
            data_converter=converter_with(()),
            interceptors=interceptors,
        )
        for history in lived.life.histories:
            await replayer.replay_workflow(history)
    spans.close()


async def test_the_page_shows_such_a_trace(lived: Lived) -> None:
    request = lived.life.collector.root(CONVERT)

    shown, sent = names_shown(PAGE.read_text()), {one.name for _, one in lived.life.collector.tree(request)}
    assert sent - shown <= OF_A_KEY, "run `python -m tests.docs.tracing_page`"
    assert shown <= sent | OF_A_KEY, "run `python -m tests.docs.tracing_page`"

"""The picture in the README shows what the default policy does."""

import json
from typing import Any
from xml.etree import ElementTree

from domain.subscription.policy import DEFAULT_POLICY
from tests.docs.timeline import PICTURE, RUN, drawn, moments

LINES: list[dict[str, Any]] = json.loads(RUN.read_text(encoding="utf-8"))


def days_of(kind: str, **members: str) -> list[int]:
    return [line["day"] for line in LINES if line["kind"] == kind and members.items() <= line.items()]


def test_the_picture_is_drawn_from_the_run_that_is_kept() -> None:
    assert PICTURE.read_text(encoding="utf-8") == drawn(LINES), "run `make docs`"


def test_the_reminders_are_those_of_the_default_policy() -> None:
    trial = DEFAULT_POLICY.trial

    assert [trial.days - day for day in days_of("mail", occasion="trial_ending")] == list(trial.reminders)
    assert days_of("charge", outcome="paid")[0] == trial.days


def test_the_retries_are_those_of_the_default_ladder() -> None:
    declined, paid = days_of("charge", outcome="declined"), days_of("charge", outcome="paid")
    recovered = next(day for day in paid if day > declined[-1])
    retries = [step.after.days for step in DEFAULT_POLICY.recovery if step.retry]

    assert [day - declined[0] for day in (*declined[1:], recovered)] == retries[:2]


def test_every_text_of_the_picture_fits_its_width() -> None:
    picture = ElementTree.fromstring(drawn(LINES))  # noqa: S314 - drawn here
    width = float(picture.attrib["width"])
    widest = 8.6  # pixels a letter, for the bold text of the widest common font

    for text in picture.iter("{http://www.w3.org/2000/svg}text"):
        if text.get("text-anchor") is None:
            assert float(text.attrib["x"]) + widest * len(text.text or "") < width + 20, text.text


def test_the_status_after_each_moment_is_shown() -> None:
    assert [moment.status for moment in moments(LINES)] == [
        *["trialing"] * 4,
        *["active"] * 2,
        *["past_due"] * 2,
        *["active"] * 2,
        "canceled",
    ]

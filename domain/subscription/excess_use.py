"""A smaller plan that holds less than is in use: the timeline and the mail of the change say what does not fit."""

import json
from collections.abc import Sequence
from dataclasses import replace

from domain.catalog.features import UsageWindow
from domain.entitlements.downgrade_fit import LimitConflict
from domain.notifications.mail_types import Occasion
from domain.subscription.journal import Entry, FitCheck, Step

TOLD_IN = frozenset({Occasion.PLAN_CHANGED, Occasion.PLAN_CHANGE_SCHEDULED, Occasion.MOVED_TO_FREE})
"""Mails that say what does not fit."""


def counts(check: FitCheck, misfit: LimitConflict) -> bool:
    """Whether something still does not fit when the change takes effect."""
    return not (check.begins_period and misfit.feature.window is UsageWindow.BILLING_PERIOD)


def with_excess(step: Step, found: Sequence[LimitConflict]) -> Step:
    """The step, with an entry and in its mail what does not fit; as it was when everything fits."""
    check = step.fit
    if check is None or not found or not step.entries:
        return step
    because = step.entries[-1]
    would = "would exceed" if check.is_ahead else "exceeds"
    told = {one.feature.code: f"{one.counter.used:,} of {one.allowed:,}" for one in found}
    listed = "; ".join(f"{one.feature.name}: {told[one.feature.code]}" for one in found)
    summary = f"Current use {would} {check.after.plan_name}: {listed}"
    entry = Entry("usage_exceeds_plan", because.at, summary, because.cause, told)
    facts = {"excess": json.dumps([[one.feature.name, one.counter.used, one.allowed] for one in found])}
    letters = tuple(
        replace(each, facts=each.facts | facts) if each.occasion in TOLD_IN else each for each in step.mails
    )
    return replace(step, entries=(*step.entries, entry), mails=letters)

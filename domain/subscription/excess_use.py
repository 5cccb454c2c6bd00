"""Usage that exceeds a smaller plan: the journal and the mail of the change say what does not fit."""

import json
from collections.abc import Sequence
from dataclasses import replace

from domain.catalog.features import UsageWindow
from domain.entitlements.downgrade_fit import LimitConflict
from domain.notifications.mail_types import Occasion
from domain.subscription.journal import Entry, FitCheck, Step

_STATED_IN = frozenset({Occasion.PLAN_CHANGED, Occasion.PLAN_CHANGE_SCHEDULED, Occasion.MOVED_TO_FREE})
"""Mails that state excess usage."""


def counts(check: FitCheck, misfit: LimitConflict) -> bool:
    """True if the conflict still exists when the change takes effect."""
    return not (check.begins_period and misfit.feature.window is UsageWindow.BILLING_PERIOD)


def with_excess(step: Step, found: Sequence[LimitConflict]) -> Step:
    """Adds to the step's journal and mail what does not fit; returns it unchanged if everything fits."""
    check = step.fit
    if check is None or not found or not step.entries:
        return step
    because = step.entries[-1]
    would = "would exceed" if check.is_ahead else "exceeds"
    details = {one.feature.code: f"{one.counter.used:,} of {one.allowed:,}" for one in found}
    listed = "; ".join(f"{one.feature.name}: {details[one.feature.code]}" for one in found)
    summary = f"Current usage {would} {check.after.plan_name}: {listed}"
    entry = Entry("usage_exceeds_plan", because.at, summary, because.cause, details)
    facts = {"excess": json.dumps([[one.feature.name, one.counter.used, one.allowed] for one in found])}
    mails = tuple(
        replace(each, facts=each.facts | facts) if each.occasion in _STATED_IN else each for each in step.mails
    )
    return replace(step, entries=(*step.entries, entry), mails=mails)

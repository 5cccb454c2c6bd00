"""What stands in PostgreSQL: tables, functions, and the words and keys that are in them."""

import re
from typing import Any

from domain.access import Access
from domain.catalog.features import UsageWindow
from domain.catalog.plans import Catalog, Interval
from domain.entitlements.usage import Action as UsageAction
from domain.events.types import EventType
from domain.notifications.mail_types import FACTS, Occasion
from domain.provider.events import Disposition
from domain.provider.hints import EventKind
from domain.provider.overage_usage import ReportProblem
from domain.provider.payments import DisputeStatus, ReversalKind
from domain.reconciliation.differences import DifferenceKind, Outcome
from domain.subscription.agenda import Action, Due
from domain.subscription.journal import CauseKind
from domain.subscription.lifecycle import Status
from domain.subscription.policy import TrialMark
from domain.subscription.state import Subscription
from storage.access.api_keys import Role
from storage.access.operators import OperatorRole
from storage.db.codec import due_to_json
from storage.schema.metadata import METADATA
from tests.builders import NOW
from tests.contracts.wire import source
from tests.contracts.wire.shapes import shape

WORDS: dict[str, Any] = {
    "api_keys.role": Role,
    "discrepancies.kind": DifferenceKind,
    "discrepancies.outcome": Outcome,
    "events.type": EventType,
    "journal.cause_kind": CauseKind,
    "mails.occasion": Occasion,
    "operators.role": OperatorRole,
    "plan_limits.per": UsageWindow,
    "reversals.kind": ReversalKind,
    "reversals.status": DisputeStatus,
    "subscriptions.access": Access,
    "subscriptions.interval": Interval,
    "subscriptions.next_actions": Action,
    "subscriptions.status": Status,
    "trials.kind": TrialMark,
    "usage_events.action": UsageAction,
    "usage_events.report_trouble": ReportProblem,
    "usage_log.action": UsageAction,
    "webhook_inbox.disposition": Disposition,
    "webhook_inbox.news": EventKind,
}
"""Whose values stand in which column."""
_FUNCTION = re.compile(
    r"create (?:or replace )?function (\w+)\((.*?)\)\s+returns (.*?)\s+language", re.IGNORECASE | re.DOTALL
)


def found() -> dict[str, Any]:
    return {
        "tables": {
            table.name: {column.name: str(column.type).lower() for column in table.columns}
            for table in METADATA.sorted_tables
        },
        "functions": _functions(),
        "words": {column: sorted(each.value for each in kind) for column, kind in WORDS.items()},
        "journal kinds": sorted(source.journal_kinds()),
        "mail facts": sorted(FACTS),
        "JSON in subscriptions.state": shape(Subscription),
        "JSON in subscriptions.next_actions": sorted(due_to_json(_due())),
        "JSON in catalog_versions.content": shape(Catalog),
    }


def _due() -> Due:
    return Due(NOW, Action.CONVERT, "why")


def _functions() -> dict[str, Any]:
    """By the newest migration that has each; names of arguments are none of a caller's, their types are."""
    found: dict[str, Any] = {}
    migrations = source.ROOT / "migrations"
    written = [*migrations.rglob("[0-9]*.py"), *migrations.rglob("[0-9]*.sql")]
    for path in sorted(written, key=lambda path: path.name):
        for name, takes, returns in _FUNCTION.findall(path.read_text()):
            found[name.lower()] = {"takes": _typed(takes), "returns": " ".join(returns.split())}
    return found


def _typed(parameters: str) -> str:
    return ", ".join(" ".join(each.split()[1:]) for each in parameters.split(",") if each.strip())

"""Request bodies of bulk runs."""

from collections.abc import Mapping
from typing import Annotated, Final, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from api.http.fields import Code, ExternalId, Moment, Reason, RequestModel, Search
from configuration.mail_addresses import searched_address
from domain.bulk.actions import ActionKind, BulkAction
from domain.bulk.runs import DEFAULT_RATE, HIGHEST_RATE
from domain.subscription.commands import CancelAt
from domain.subscription.lifecycle import Status
from domain.subscription.trial import MAX_EXTENSION_DAYS
from storage.bulk.choosing import Range
from storage.subscriptions.search import Search as Searched
from storage.subscriptions.subscription_list import Filters

NOT_KEPT: Final = "(not kept)"


class BulkFilter(RequestModel):
    """Which subscriptions: those that `GET /v1/subscriptions` lists with the same parameters."""

    status: Status | None = None
    plan: Code | None = None
    customer: ExternalId | None = Field(default=None, description="the customer's external id")
    q: Search | None = Field(
        default=None, description="part of an email address, name or external id, or the beginning of an id"
    )
    blocked: bool | None = None
    created_from: Moment | None = None
    created_to: Moment | None = None

    def filters(self) -> Filters:
        search = Searched(self.q, searched_address(self.q)) if self.q else None
        return Filters(self.status, self.plan, self.customer, search, self.blocked)

    def range(self) -> Range:
        return Range(self.created_from, self.created_to)

    def shown(self) -> dict[str, object]:
        """Return the parameters that were given."""
        return self.model_dump(mode="json", exclude_none=True)


def kept_of(shown: Mapping[str, object]) -> dict[str, object]:
    """Return what is kept of a filter: whom it names may be erased."""
    return {name: NOT_KEPT if name in ("q", "customer") else value for name, value in shown.items()}


class ExtendTrials(RequestModel):
    """Extend trials."""

    kind: Literal[ActionKind.EXTEND_TRIAL]
    days: Annotated[int, Field(strict=True, ge=1, le=MAX_EXTENSION_DAYS)]


class CancelSubscriptions(RequestModel):
    """Cancel at the end of the period, or now."""

    kind: Literal[ActionKind.CANCEL]
    at: CancelAt = CancelAt.PERIOD_END


class MigratePolicy(RequestModel):
    """Move to a published policy."""

    kind: Literal[ActionKind.MIGRATE_POLICY]
    policy: Code = Field(description="its version", examples=["2026-11"])


class PlainAction(RequestModel):
    """A command without parameters."""

    kind: Literal[ActionKind.SUSPEND, ActionKind.REACTIVATE, ActionKind.UNCANCEL, ActionKind.RETRY_MAILS]


def _kind_of(given: object) -> str:
    kind = given.get("kind") if isinstance(given, dict) else getattr(given, "kind", None)
    has_parameters = kind in (ActionKind.EXTEND_TRIAL, ActionKind.CANCEL, ActionKind.MIGRATE_POLICY)
    return f"[{kind}]" if has_parameters else "[plain]"


BulkActionRequest = Annotated[
    Annotated[ExtendTrials, Tag("[extend_trial]")]
    | Annotated[CancelSubscriptions, Tag("[cancel]")]
    | Annotated[MigratePolicy, Tag("[migrate_policy]")]
    | Annotated[PlainAction, Tag("[plain]")],
    Discriminator(_kind_of),
]


class BulkPreviewRequest(RequestModel):
    """What is to be done, and to which subscriptions; or `of`, the run to be undone."""

    filter: BulkFilter | None = Field(default=None, description="`{}` chooses all")
    action: BulkActionRequest | None = None
    of: str | None = Field(
        default=None,
        max_length=64,
        description="in place of `filter` and `action`: the inverse of this run, for the subscriptions that it was "
        "done for",
    )

    @model_validator(mode="after")
    def _is_one_or_the_other(self) -> Self:
        if self.of is None and (self.filter is None or self.action is None):
            raise ValueError("give filter and action, or of")
        if self.of is not None and (self.filter is not None or self.action is not None):
            raise ValueError("of takes the subscriptions and the action from its run: leave filter and action out")
        return self


class StartBulkRequest(BulkPreviewRequest):
    """The previewed action, with a reason and the number of subscriptions that the caller expects."""

    reason: Annotated[Reason, Field(min_length=1, description="for the audit, and each subscription's timeline")]
    expected: Annotated[int, Field(strict=True, ge=1)] = Field(description="`would_be_done` of the preview")
    rate: Annotated[int, Field(strict=True, ge=1, le=HIGHEST_RATE)] = Field(
        default=DEFAULT_RATE, description="subscriptions a second"
    )


def action_of(request: BulkActionRequest) -> BulkAction:
    """Return the action that is asked for."""
    return BulkAction(**request.model_dump())

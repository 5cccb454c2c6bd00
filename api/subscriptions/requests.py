"""What callers may ask for. Unknown fields are refused by name: a misspelt one must not be passed over."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from api.http.fields import (
    Code,
    Comment,
    Email,
    ExternalId,
    Locale,
    Metadata,
    Moment,
    Name,
    NewExternalId,
    PaymentMethod,
    Quantity,
    Reason,
    TimeZone,
    Units,
    WebAddress,
)
from api.http.request_model import RequestModel
from domain.catalog.plans import Interval
from domain.subscription.commands import CancelAt, ConvertAt
from domain.subscription.ends import ReasonCode
from domain.subscription.policy import ChangeAt
from domain.subscription.trial import MAX_EXTENSION_DAYS

MAX_TRIAL_DAYS = 90


class CustomerRequest(RequestModel):
    """Who signs up; known by `external_id`, the product's own id for its customer."""

    external_id: NewExternalId = Field(
        description="any text of up to 200 characters on one line that cannot be mistaken in a path: it may not end as "
        "`/usage`, `/entitlements` or `/export` do, nor have `.` or `..` between slashes",
        examples=["user-1815"],
    )
    email: Email = Field(
        description="ASCII before the @; a domain may have other letters, `ada@straße.example` (IDNA 2008)",
        examples=["ada@example.com"],
    )
    name: Name | None = Field(default=None, examples=["Ada Lovelace"])
    timezone: TimeZone | None = Field(
        default=None, description="IANA name; mails go out in this zone's day", examples=["Europe/London"]
    )
    locale: Locale | None = Field(default=None, examples=["en-GB"])


class ChangeCustomerRequest(RequestModel):
    """What is to be different about a customer; what is left out stays."""

    email: Email | None = Field(default=None, examples=["ada@new.example"])
    name: Name | None = Field(default=None, examples=["Ada King"])
    timezone: TimeZone | None = Field(
        default=None, description="IANA name; mails that are still ahead move to its day", examples=["Asia/Tokyo"]
    )
    locale: Locale | None = Field(default=None, examples=["en-GB"])
    metadata: Metadata | None = Field(
        default=None, description="merged into what there is; an empty value takes its key away"
    )

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not self.given:
            raise ValueError("say what is to change: email, name, timezone, locale or metadata")
        return self

    @property
    def given(self) -> dict[str, object]:
        """What was said, by name."""
        return self.model_dump(exclude_none=True)


class CreateSubscriptionRequest(RequestModel):
    """A new subscription."""

    customer: CustomerRequest
    plan: Code = Field(examples=["starter"])
    interval: Interval = Interval.MONTH
    quantity: Quantity = 1
    add_ons: Annotated[dict[Code, Units], Field(max_length=50)] = Field(
        default_factory=dict, description="units by add-on code", examples=[{"users": 2}]
    )
    payment_method: PaymentMethod | None = Field(
        default=None, description="a payment method of the provider, to be put on file", examples=["pm_card_visa"]
    )
    trial_days: Annotated[int, Field(strict=True, ge=0, le=MAX_TRIAL_DAYS)] | None = Field(
        default=None, description="0 starts paid at once; left out, the plan or the policy says how long", examples=[14]
    )
    allow_another_trial: Annotated[bool, Field(strict=True)] = Field(
        default=False,
        description="begin with a trial although the customer, the mail address or the card had one; without it that "
        "is 409 `trial_used`. Takes a key of role operator or admin",
    )
    metadata: Metadata = Field(default_factory=dict, examples=[{"campaign": "spring"}])


class ConvertRequest(RequestModel):
    """Become a paid subscription; at the trial's end unless `now` is asked for."""

    payment_method: PaymentMethod | None = Field(default=None, examples=["pm_card_visa"])
    when: ConvertAt = ConvertAt.TRIAL_END


class PutPaymentMethodRequest(RequestModel):
    payment_method: PaymentMethod = Field(examples=["pm_card_visa"])


class CancelRequest(RequestModel):
    at: CancelAt = CancelAt.PERIOD_END
    reason_code: ReasonCode | None = Field(default=None, description="why the customer leaves", examples=["unused"])
    comment: Comment | None = Field(default=None, description="in free words", examples=["we moved to paper"])
    reason: Comment | None = Field(
        default=None, description="an older name of `comment`", json_schema_extra={"deprecated": True}
    )

    @property
    def words(self) -> str:
        """What is said of it in free words."""
        return self.comment or self.reason or ""

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if self.comment and self.reason and self.comment != self.reason:
            raise ValueError("comment and reason are two names of one thing: give comment alone")
        return self


class PreviewCancelRequest(RequestModel):
    at: CancelAt = CancelAt.PERIOD_END


class ExtendTrialRequest(RequestModel):
    days: Annotated[int, Field(strict=True, ge=1, le=MAX_EXTENSION_DAYS)] = Field(examples=[7])
    reason: Annotated[Reason, Field(min_length=1)] = Field(examples=["evaluation delayed by holidays"])


class PauseRequest(RequestModel):
    """Stop until a date, or until resumed; while paused, another date."""

    resumes_at: Moment | None = Field(default=None, examples=["2027-01-15T09:00:00Z"])


class ChangePlanRequest(RequestModel):
    """Have something else; what is left out is as in the planned change where one is planned, else as it is."""

    plan: Code | None = Field(default=None, examples=["professional"])
    interval: Interval | None = None
    quantity: Quantity | None = None
    add_ons: Annotated[dict[Code, Units], Field(max_length=50)] | None = Field(
        default=None, description="units by add-on code: all that there are to be", examples=[{"users": 3}]
    )
    when: ChangeAt | None = Field(
        default=None, description="left out, the policy decides: upgrades at once, downgrades at the period's end"
    )
    accept_misfits: Annotated[bool, Field(strict=True)] = Field(
        default=False,
        description="change although current use does not fit; without it that is 409 `usage_does_not_fit`. All data "
        "is kept. Takes a key of role operator or admin",
    )

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if all(part is None for part in self._parts):
            raise ValueError("say what is to change: plan, interval, quantity or add_ons")
        return self

    @property
    def is_complete(self) -> bool:
        """Whether nothing has to be taken from what the subscription is to, or will be."""
        return self.when is not None and all(part is not None for part in self._parts)

    @property
    def _parts(self) -> tuple[object, ...]:
        return self.plan, self.interval, self.quantity, self.add_ons


class ReasonRequest(RequestModel):
    reason: Annotated[Reason, Field(min_length=1)] = Field(examples=["chargeback under investigation"])


class EmptyRequest(RequestModel):
    """Nothing needs to be said."""


class PageRequest(RequestModel):
    """A page of the payment provider, for a subscription's customer or for one named by their external id."""

    subscription: str | None = Field(default=None, description="the subscription's id")
    customer: ExternalId | None = Field(default=None, description="the customer's external id", examples=["user-1815"])

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if (self.subscription is None) == (self.customer is None):
            raise ValueError("give either subscription or customer")
        return self


class CreateCheckoutSessionRequest(PageRequest):
    """A page on which a customer puts a card on file: for a subscription, or for a customer's live one."""

    success_url: WebAddress | None = Field(
        default=None,
        description="where the page leads to when a card was given; `{CHECKOUT_SESSION_ID}` becomes the session's id",
    )
    cancel_url: WebAddress | None = Field(default=None, description="where the page leads to when it was left")


class CreatePortalSessionRequest(PageRequest):
    """The page on which a customer sees their bills and looks after their cards; also when all they had is over."""

    return_url: WebAddress | None = Field(default=None, description="where the page leads back to")

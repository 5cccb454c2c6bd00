"""Request bodies. Unknown fields are rejected, so that a misspelt one is never ignored."""

from typing import Annotated, Self

from pydantic import Discriminator, Field, Tag, model_validator

from api.http.fields import (
    Code,
    Comment,
    Email,
    ExternalId,
    InvoiceId,
    Locale,
    Metadata,
    Moment,
    Name,
    NewExternalId,
    NoteText,
    PaymentMethod,
    Quantity,
    Reason,
    RequestModel,
    ReturnAddress,
    TimeZone,
    Units,
    WebAddress,
)
from domain.billing_flows import BillingFlow
from domain.catalog.plans import Interval
from domain.subscription.commands import CancelAt, ConvertAt
from domain.subscription.ends import ReasonCode
from domain.subscription.policy import ChangeAt
from domain.subscription.trial import MAX_EXTENSION_DAYS

MAX_TRIAL_DAYS = 90
MAX_AMOUNT = 10**12
"""Minor units; more than any invoice."""
LONGEST_LINK = 3600
"""Seconds for which a link to the billing pages may be open."""


class CustomerRequest(RequestModel):
    """The customer who signs up, identified by `external_id`, the product's own id."""

    external_id: NewExternalId = Field(
        description="one line of up to 200 characters that is unambiguous in a URL path: it must not end in `/banner`, "
        "`/export`, `/usage` or `/entitlements`, nor in one of the last two and a name (`/usage/runs`), or have `.` or "
        "`..` between slashes",
        examples=["user-1815"],
    )
    email: Email = Field(
        description="ASCII before the @; the domain may be internationalized, as in `ada@straße.example` (IDNA 2008)",
        examples=["ada@example.com"],
    )
    name: Name | None = Field(default=None, examples=["Ada Lovelace"])
    timezone: TimeZone | None = Field(
        default=None, description="IANA name; mails are sent during the day in this zone", examples=["Europe/London"]
    )
    locale: Locale | None = Field(default=None, examples=["en-GB"])


class ChangeCustomerRequest(RequestModel):
    """Changes to a customer; fields that are left out stay as they are."""

    email: Email | None = Field(default=None, examples=["ada@new.example"])
    name: Name | None = Field(default=None, examples=["Ada King"])
    timezone: TimeZone | None = Field(
        default=None, description="IANA name; pending mails move to the day in this zone", examples=["Asia/Tokyo"]
    )
    locale: Locale | None = Field(default=None, examples=["en-GB"])
    metadata: Metadata | None = Field(
        default=None, description="merged into the existing metadata; an empty value removes its key"
    )
    reason: Reason | None = Field(
        default=None, description="why, for the audit", examples=["the customer asked for it on the phone"]
    )

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not self.given:
            raise ValueError("give at least one of email, name, timezone, locale or metadata")
        return self

    @property
    def given(self) -> dict[str, object]:
        """The fields of the customer that were sent."""
        return self.model_dump(exclude_none=True, exclude={"reason"})


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
        default=None, description="id of a payment method at the provider, to put on file", examples=["pm_card_visa"]
    )
    trial_days: Annotated[int, Field(strict=True, ge=0, le=MAX_TRIAL_DAYS)] | None = Field(
        default=None,
        description="0 starts the paid subscription at once; defaults to the plan's or the policy's trial",
        examples=[14],
    )
    allow_another_trial: Annotated[bool, Field(strict=True)] = Field(
        default=False,
        description="start a trial although the customer, email address or card already had one, which otherwise is a "
        "409 `trial_used`. Requires a key with role operator or admin",
    )
    metadata: Metadata = Field(default_factory=dict, examples=[{"campaign": "spring"}])


class ConvertRequest(RequestModel):
    """When to convert the trial, and the card to use."""

    payment_method: PaymentMethod | None = Field(default=None, examples=["pm_card_visa"])
    when: ConvertAt = ConvertAt.TRIAL_END


class PutPaymentMethodRequest(RequestModel):
    payment_method: PaymentMethod = Field(examples=["pm_card_visa"])


class CancelRequest(RequestModel):
    at: CancelAt = CancelAt.PERIOD_END
    reason_code: ReasonCode | None = Field(default=None, description="why the customer leaves", examples=["unused"])
    comment: Comment | None = Field(default=None, description="free text", examples=["we moved to paper"])
    reason: Comment | None = Field(
        default=None, description="former name of `comment`", json_schema_extra={"deprecated": True}
    )

    @property
    def words(self) -> str:
        """The comment, under either name."""
        return self.comment or self.reason or ""

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if self.comment and self.reason and self.comment != self.reason:
            raise ValueError("reason is the former name of comment: give comment only")
        return self


class PreviewCancelRequest(RequestModel):
    at: CancelAt = CancelAt.PERIOD_END


class ExtendTrialRequest(RequestModel):
    days: Annotated[int, Field(strict=True, ge=1, le=MAX_EXTENSION_DAYS)] = Field(examples=[7])
    reason: Annotated[Reason, Field(min_length=1)] = Field(examples=["evaluation delayed by holidays"])


class PauseRequest(RequestModel):
    """When the pause ends, or never until resumed; for a paused subscription, a new date."""

    resumes_at: Moment | None = Field(default=None, examples=["2027-01-15T09:00:00Z"])


class ChangePlanRequest(RequestModel):
    """A change of plan. What is left out is taken from the planned change if there is one, or else stays as it is."""

    plan: Code | None = Field(default=None, examples=["professional"])
    interval: Interval | None = None
    quantity: Quantity | None = None
    add_ons: Annotated[dict[Code, Units], Field(max_length=50)] | None = Field(
        default=None, description="units by add-on code; replaces all current add-ons", examples=[{"users": 3}]
    )
    when: ChangeAt | None = Field(
        default=None, description="defaults to the policy: upgrades at once, downgrades at the end of the period"
    )
    expected_due: Annotated[int, Field(strict=True)] | None = Field(
        default=None,
        description="`due_now` of the preview that the customer has seen: if more would be due, or less credited, "
        "nothing changes and the answer is a 409 `price_changed`. Ignored by a preview",
        examples=[7500],
    )
    preview_at: Moment | None = Field(
        default=None,
        description="`preview_at` of that preview: the change is prorated from then, for 15 minutes. It needs "
        "`expected_due`",
    )
    accept_misfits: Annotated[bool, Field(strict=True)] = Field(
        default=False,
        description="change although current usage does not fit, which otherwise is a 409 `usage_does_not_fit`. All "
        "data is kept. Requires a key with role operator or admin",
    )

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if all(part is None for part in self._parts):
            raise ValueError("give at least one of plan, interval, quantity or add_ons")
        if self.preview_at is not None and self.expected_due is None:
            raise ValueError("preview_at needs expected_due, the amount that was shown")
        return self

    @property
    def is_complete(self) -> bool:
        """True if nothing has to be taken from the current or planned selection."""
        return self.when is not None and all(part is not None for part in self._parts)

    @property
    def _parts(self) -> tuple[object, ...]:
        return self.plan, self.interval, self.quantity, self.add_ons


class ReasonRequest(RequestModel):
    reason: Annotated[Reason, Field(min_length=1)] = Field(examples=["chargeback under investigation"])


class NoteRequest(RequestModel):
    text: Annotated[NoteText, Field(min_length=1)] = Field(examples=["called twice about the invoice's address"])


class RefundRequest(RequestModel):
    invoice: InvoiceId = Field(description="id of the invoice, as `GET /v1/invoices` lists it", examples=["in_1Qx"])
    amount: Annotated[int, Field(strict=True, ge=1, le=MAX_AMOUNT)] | None = Field(
        default=None,
        description="in minor units of the invoice's currency; all that is left if left out",
        examples=[1000],
    )
    reason: Annotated[Reason, Field(min_length=1)] = Field(examples=["a day of downtime"])


class EmptyRequest(RequestModel):
    """No fields."""


class PageRequest(RequestModel):
    """A page for a customer, given by subscription or external id."""

    subscription: str | None = Field(default=None, description="the subscription's id")
    customer: ExternalId | None = Field(default=None, description="the customer's external id", examples=["user-1815"])

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if (self.subscription is None) == (self.customer is None):
            raise ValueError("give either subscription or customer")
        return self


class CreateCheckoutSessionRequest(PageRequest):
    """A page on which a customer adds a card, for a subscription or a customer's live one."""

    success_url: WebAddress | None = Field(
        default=None,
        description="where the page redirects to after adding a card; `{CHECKOUT_SESSION_ID}` becomes the session's id",
    )
    cancel_url: WebAddress | None = Field(
        default=None, description="where the page redirects to if the customer leaves it"
    )


class CreatePurchaseRequest(RequestModel):
    """A page on which a customer without a subscription buys one, or gives a card for its trial."""

    customer: CustomerRequest
    plan: Code = Field(examples=["professional"])
    interval: Interval = Interval.MONTH
    quantity: Quantity = 1
    add_ons: Annotated[dict[Code, Units], Field(max_length=50)] = Field(
        default_factory=dict, description="units by add-on code", examples=[{"users": 2}]
    )
    trial_days: Annotated[int, Field(strict=True, ge=0, le=MAX_TRIAL_DAYS)] | None = Field(
        default=None,
        description="0 is paid on the page; otherwise the page only takes a card. Defaults to the plan's or the "
        "policy's trial",
        examples=[0],
    )
    metadata: Metadata = Field(default_factory=dict, examples=[{"campaign": "spring"}])
    success_url: WebAddress = Field(
        description="where the customer is sent once the subscription has begun; `{CHECKOUT_SESSION_ID}` becomes the "
        "session's id",
        examples=["https://product.example/welcome"],
    )
    cancel_url: WebAddress = Field(
        description="where the page redirects to if the customer leaves it", examples=["https://product.example/plans"]
    )


CARD, PURCHASE = "[card]", "[purchase]"


def _kind_of_checkout(body: object) -> str:
    """What a request for a checkout session is about: a plan, or a customer in full, is a purchase."""
    if isinstance(body, dict):
        return PURCHASE if "plan" in body or isinstance(body.get("customer"), dict) else CARD
    return PURCHASE if isinstance(body, CreatePurchaseRequest) else CARD


CheckoutRequest = Annotated[
    Annotated[CreateCheckoutSessionRequest, Tag(CARD)] | Annotated[CreatePurchaseRequest, Tag(PURCHASE)],
    Discriminator(_kind_of_checkout),
]


class CreatePortalSessionRequest(PageRequest):
    """The page on which a customer manages cards and invoices, even after their subscriptions have ended."""

    return_url: WebAddress | None = Field(default=None, description="where the page links back to")


class CreateBillingSessionRequest(PageRequest):
    """The billing pages, on which a customer sees and changes their own subscription."""

    return_url: ReturnAddress | None = Field(
        default=None,
        description="where the pages link back to: https, or http on the same machine",
        examples=["https://app.example.com/settings"],
    )
    locale: Locale | None = Field(
        default=None, description="the language of the pages; the customer's own if left out", examples=["de"]
    )
    flow: BillingFlow = Field(default=BillingFlow.OVERVIEW, description="the page to open first", examples=["cancel"])
    embed: Annotated[bool, Field(strict=True)] = Field(
        default=False, description="the pages are shown in a frame on a page of the product"
    )
    expires_in: Annotated[int, Field(strict=True, ge=1, le=LONGEST_LINK)] = Field(
        default=300, description="seconds within which the customer must follow the link", examples=[300]
    )

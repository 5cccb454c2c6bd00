"""The scenario of a simulation, checked before any server starts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from api.subscriptions.requests import CreateSubscriptionRequest
from domain.catalog.plans import Catalog, Interval
from domain.errors import Malformed
from domain.subscription.policy import Policy
from sandbox.stripe.cards import OK, check_answers

MAX_MONTHS = 60
A_CARD = "pm_card_visa"
_OPTIONS = {"add_ons": "add-on"}
"""Sign-up fields that have another name on the command line."""


@dataclass(frozen=True)
class Scenario:
    """A customer who signs up, and what they and their bank do from then on."""

    plan: str
    months: int = 12
    interval: Interval = Interval.MONTH
    quantity: int = 1
    add_ons: Mapping[str, int] = field(default_factory=dict)
    answers: tuple[str, ...] = (OK,)
    """The card's answers to consecutive charges; the last one stays."""
    trial_days: int | None = None
    """None: the plan's, or else the policy's."""
    card_at_sign_up: bool = True
    card_on_day: int | None = None
    """The customer adds a card by checkout on this day, instead of at sign-up."""
    cancel_on_day: int | None = None
    """On this day the customer cancels at the end of the paid period."""
    timezone: str | None = None
    locale: str | None = None

    @property
    def signs_up_with_card(self) -> bool:
        return self.card_at_sign_up and self.card_on_day is None

    def sign_up(self, external_id: str) -> dict[str, Any]:
        """The body of the sign-up request."""
        customer = {
            "external_id": external_id,
            "email": address_of(external_id),
            "timezone": self.timezone,
            "locale": self.locale,
        }
        return {
            "customer": customer,
            "plan": self.plan,
            "interval": self.interval,
            "quantity": self.quantity,
            "add_ons": dict(self.add_ons),
            "payment_method": A_CARD if self.signs_up_with_card else None,
            "trial_days": self.trial_days,
        }

    def check(self, catalog: Catalog, *policies: Policy) -> None:
        """Check that this scenario can be played.

        Raises:
            Malformed: it cannot; the message says what to fix.
        """
        catalog.select(self.plan, self.interval, self.quantity, self.add_ons)
        self._check_sign_up()
        try:
            check_answers(self.answers)
        except ValueError as error:
            raise Malformed(str(error), field="card") from None
        if not 1 <= self.months <= MAX_MONTHS:
            raise Malformed(f"{self.months} months cannot be simulated; choose 1 to {MAX_MONTHS}", field="months")
        for name, day in (("card-on-day", self.card_on_day), ("cancel-on-day", self.cancel_on_day)):
            if day is not None and not 0 <= day <= self.months * 28:
                raise Malformed(f"--{name} {day} is not within the {self.months} simulated months", field=name)
        self._check_first_payment(catalog, policies)

    def _check_sign_up(self) -> None:
        try:
            CreateSubscriptionRequest.model_validate(self.sign_up("nobody"))
        except ValidationError as error:
            first = error.errors()[0]
            name = _OPTIONS.get(str(first["loc"][0]), str(first["loc"][-1]).replace("_", "-"))
            raise Malformed(f"--{name}: {first['msg'].removeprefix('Value error, ')}", field=name) from None

    def _check_first_payment(self, catalog: Catalog, policies: tuple[Policy, ...]) -> None:
        of_plan = catalog.plans[self.plan].trial_days
        for policy in policies:
            days = next(days for days in (self.trial_days, of_plan, policy.trial.days) if days is not None)
            if days == 0 and not self.signs_up_with_card:
                raise Malformed(
                    "without a trial the first period is paid at sign-up: leave out --no-card and --card-on-day, "
                    "or give --trial-days",
                    field="trial-days",
                )


def address_of(external_id: str) -> str:
    """The mail address of a simulated customer."""
    return f"{external_id}@example.com"

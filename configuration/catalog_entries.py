"""The parts of a catalog file as written."""

from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from configuration.catalog_kinds import (
    FREE,
    ButtonText,
    Code,
    ContactAddress,
    Currency,
    Declared,
    DiscountShare,
    Name,
    Number,
    Price,
    Text,
)
from configuration.features import ENTITLEMENTS_SCHEMA, Entitlements, Feature, check_entitlements
from configuration.limit_rules import LimitEntry
from configuration.validation import Faults, Strict, shown
from domain.catalog.features import FeatureKind
from domain.catalog.plans import TaxBehavior
from domain.did_you_mean import did_you_mean

MAX_TRIAL_DAYS = 90


def _entitlements(given: Entitlements, info: ValidationInfo) -> Entitlements:
    check_entitlements(given, Declared.of(info).features)
    return given


def _unless_free(prices: object) -> object:
    if prices == FREE:
        return None
    if isinstance(prices, dict):
        return prices
    raise ValueError(f"must be prices by month and year, or {FREE}, not {shown(prices)}")


class PricesEntry(Strict):
    """The price of one unit per month and per year."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [{"required": ["month"]}, {"required": ["year"]}],
            "dependentSchemas": {"annual_discount": {"required": ["month"], "properties": {"year": False}}},
        }
    )
    month: Price | None = Field(None, description="the price per month, like 49.00")
    year: Price | None = Field(None, description="the price per year; leave it out to use a discount")
    annual_discount: DiscountShare | None = Field(
        None, description="a year costs twelve months less this, like 10%; overrides the catalog's"
    )

    @field_validator("annual_discount")
    @classmethod
    def _has_one_source(cls, discount: DiscountShare | None, info: ValidationInfo) -> DiscountShare | None:
        if discount is not None and info.data.get("year") is not None:
            raise ValueError("give either a yearly price or a discount, not both")
        if discount is not None and info.data.get("month", 0) is None:
            raise ValueError("a discount needs a monthly price")
        return discount

    @model_validator(mode="after")
    def _has_a_price(self) -> Self:
        if self.month is None and self.year is None:
            raise ValueError("must have a monthly price, a yearly price, or both")
        return self


_PricesOrFree = Annotated[
    PricesEntry | None, BeforeValidator(_unless_free, json_schema_input_type=PricesEntry | Literal["free"])
]


class OverageEntry(Strict):
    """The price of usage beyond a limit, which is then billed instead of refused."""

    price: Price = Field(description="the price of `units`")
    units: Number = Field(1, description="how many are sold together; a started bundle is billed in full")
    at_most: Number | None = Field(
        None, description="units beyond the limit after which usage is refused anyway; default: no cap"
    )

    @model_validator(mode="after")
    def _sells_at_least_once(self) -> Self:
        if self.at_most is not None and self.at_most < self.units:
            raise Faults([(("at_most",), f"must be at least {self.units}, the number sold together")])
        return self


class PlanEntry(Strict):
    """One plan."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": ["prices"], "properties": {"contact_url": False}},
                {"required": ["contact_url"], "properties": {"prices": False}},
            ]
        }
    )
    name: Name = Field(description="the name that customers see")
    description: Text = ""
    prices: _PricesOrFree = Field(None, description="prices by month and year, or `free`")
    """None: the plan is free, or to be agreed on in person."""
    contact_url: ContactAddress | None = Field(
        None,
        description="in place of prices: where customers ask for this plan, https:// or mailto:; pages show it, and "
        "nobody signs up for it",
    )
    trial_days: Annotated[int, Field(ge=0, le=MAX_TRIAL_DAYS)] | None = Field(
        None, description="default: as in the policy"
    )
    entitlements: Annotated[Entitlements, AfterValidator(_entitlements)] = Field(
        default_factory=dict,
        validate_default=True,
        description="the value of every feature on this plan",
        json_schema_extra=ENTITLEMENTS_SCHEMA,
    )
    overage: dict[Code, OverageEntry] = Field(
        default_factory=dict,
        description="by feature, the price of usage beyond its limit; without one, usage is refused there",
    )
    upgrades_to: list[Code] | None = Field(
        None, description="plans to suggest to customers who need more, best first; default: every more expensive plan"
    )
    hidden: bool = Field(False, description="no longer for sale: those who have it keep it, operators may assign it")
    highlight: bool = Field(False, description="pages recommend this plan; one at most")
    cta: ButtonText | None = Field(None, description="the words on its button; default: those of the pages")

    @model_validator(mode="after")
    def _has_prices_or_a_contact(self) -> Self:
        has_prices = "prices" in self.model_fields_set
        if self.contact_url is None and not has_prices:
            raise Faults([(("prices",), "is missing")])
        if self.contact_url is not None and has_prices:
            raise Faults([(("contact_url",), "a plan to ask for has no prices: remove these, or use `cta`")])
        return self

    @property
    def is_for_contact(self) -> bool:
        """True if it is to be agreed on in person."""
        return self.contact_url is not None

    @property
    def is_free(self) -> bool:
        return self.prices is None and not self.is_for_contact


class AddOnEntry(Strict):
    """Something sold per unit on top of a plan."""

    name: Name = Field(description="the name that customers see")
    prices: PricesEntry = Field(description="prices of one unit")
    adds: dict[Code, Number] = Field(
        default_factory=dict, description="by feature, how much one unit adds to the plan's number"
    )

    @field_validator("adds")
    @classmethod
    def _adds_to_numbers(cls, adds: dict[str, int], info: ValidationInfo) -> dict[str, int]:
        features = Declared.of(info).features
        numbers = [code for code, one in features.items() if one is None or one.kind is FeatureKind.NUMBER]
        if faults := [
            ((code,), f"is not a number to add to; {did_you_mean(code, numbers)}")
            for code in adds
            if code not in numbers
        ]:
            raise Faults(faults)
        return adds


class PagesEntry(Strict):
    """What pages need to know about the whole catalog."""

    groups: list[Name] = Field(default_factory=list, description="names of groups of features, in the order of pages")

    @field_validator("groups")
    @classmethod
    def _differ(cls, groups: list[str]) -> list[str]:
        if faults := [
            ((number,), f"{one!r} is listed twice") for number, one in enumerate(groups) if one in groups[:number]
        ]:
            raise Faults(faults)
        return groups


class CatalogEntry(Strict):
    """Plans, prices, and the features of each plan."""

    product: Code = Field(description="the catalog's name; prefix of every price's name at the payment provider")
    version: Annotated[int, Field(ge=1)] = Field(
        description="raise it to change prices or features: running subscriptions keep what they have"
    )
    currency: Currency = Field(description="the currency of all prices, in lower case")
    tax_behavior: Annotated[TaxBehavior, Field(strict=False)] | None = Field(
        None, description="whether prices include tax; default: the provider's setting stays as it is"
    )
    annual_discount: DiscountShare | None = Field(
        None, description="a year costs twelve months less this, like 10%; default: sold by the month only"
    )
    limits: dict[Code, LimitEntry] = Field(
        default_factory=dict,
        description="rules for what happens near a limit, by name; `default` applies to features that name none",
    )
    features: dict[Code, Feature] = Field(default_factory=dict, description="the features in which plans differ")
    plans: Annotated[dict[Code, PlanEntry], Field(min_length=1)] = Field(description="by code, cheapest first")
    add_ons: dict[Code, AddOnEntry] = Field(default_factory=dict, description="sold per unit on top of any plan")
    pages: PagesEntry = Field(default_factory=PagesEntry, description="how pages show the catalog")

"""The parts of a catalog file as they are written."""

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

from configuration.catalog_kinds import FREE, Code, Currency, Declared, DiscountShare, Name, Number, Price, Text
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
    raise ValueError(f"must be the prices of a month and a year, or {FREE}, not {shown(prices)}")


class PricesEntry(Strict):
    """What a unit costs by the month and by the year."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [{"required": ["month"]}, {"required": ["year"]}],
            "dependentSchemas": {"annual_discount": {"required": ["month"], "properties": {"year": False}}},
        }
    )
    month: Price | None = Field(None, description="the price of a month, as 49.00")
    year: Price | None = Field(None, description="the price of a year; or leave it to a discount")
    annual_discount: DiscountShare | None = Field(
        None, description="a year is twelve months less this, as 10%; wins over the catalog's"
    )

    @field_validator("annual_discount")
    @classmethod
    def _has_one_source(cls, discount: DiscountShare | None, info: ValidationInfo) -> DiscountShare | None:
        if discount is not None and info.data.get("year") is not None:
            raise ValueError("either the price of a year or its discount, not both")
        if discount is not None and info.data.get("month", 0) is None:
            raise ValueError("a discount needs the price of a month to take it from")
        return discount

    @model_validator(mode="after")
    def _tell_a_price(self) -> Self:
        if self.month is None and self.year is None:
            raise ValueError("must hold the price of a month, of a year or of both")
        return self


_PricesOrFree = Annotated[
    PricesEntry | None, BeforeValidator(_unless_free, json_schema_input_type=PricesEntry | Literal["free"])
]


class OverageEntry(Strict):
    """What use beyond a limit costs; with it use is billed rather than refused."""

    price: Price = Field(description="what `units` cost")
    units: Number = Field(1, description="so many are sold together; begun ones count")
    at_most: Number | None = Field(
        None, description="units beyond the limit at which use is refused all the same; left out: without end"
    )

    @model_validator(mode="after")
    def _sells_at_least_once(self) -> Self:
        if self.at_most is not None and self.at_most < self.units:
            raise Faults([(("at_most",), f"must be at least {self.units}, as many as are sold together")])
        return self


class PlanEntry(Strict):
    """One plan."""

    name: Name = Field(description="as customers read it")
    description: Text = ""
    prices: _PricesOrFree = Field(description="by month and year, or `free`")
    """None: the plan is free."""
    trial_days: Annotated[int, Field(ge=0, le=MAX_TRIAL_DAYS)] | None = Field(
        None, description="left out: as the policy says"
    )
    entitlements: Annotated[Entitlements, AfterValidator(_entitlements)] = Field(
        default_factory=dict,
        validate_default=True,
        description="what it gives of every feature",
        json_schema_extra=ENTITLEMENTS_SCHEMA,
    )
    overage: dict[Code, OverageEntry] = Field(
        default_factory=dict,
        description="by feature, what use beyond its limit costs; without it, use is refused there",
    )
    upgrades_to: list[Code] | None = Field(
        None, description="plans that are suggested to who needs more, best first; left out: every dearer plan"
    )


class AddOnEntry(Strict):
    """Something sold by the unit on top of a plan."""

    name: Name = Field(description="as customers read it")
    prices: PricesEntry = Field(description="of one unit")
    adds: dict[Code, Number] = Field(
        default_factory=dict, description="by feature, what one unit adds to the plan's number"
    )

    @field_validator("adds")
    @classmethod
    def _adds_to_numbers(cls, adds: dict[str, int], info: ValidationInfo) -> dict[str, int]:
        features = Declared.of(info).features
        numbers = [code for code, one in features.items() if one is None or one.kind is FeatureKind.NUMBER]
        if faults := [
            ((code,), f"no number to add to; {did_you_mean(code, numbers)}") for code in adds if code not in numbers
        ]:
            raise Faults(faults)
        return adds


class CatalogEntry(Strict):
    """What is for sale, at what price, and what each plan entitles to."""

    product: Code = Field(description="names the catalog, and begins the name of every price at the payment provider")
    version: Annotated[int, Field(ge=1)] = Field(
        description="raise it to change a price or what plans give: running subscriptions keep what they have"
    )
    currency: Currency = Field(description="of all prices, in lower case")
    tax_behavior: Annotated[TaxBehavior, Field(strict=False)] | None = Field(
        None, description="whether prices hold the tax already; left out: whatever the provider has is left"
    )
    annual_discount: DiscountShare | None = Field(
        None, description="a year is twelve months less this, as 10%; left out: sold by the month alone"
    )
    limits: dict[Code, LimitEntry] = Field(
        default_factory=dict,
        description="what happens near a limit, by name; `default` is of every feature that names none",
    )
    features: dict[Code, Feature] = Field(default_factory=dict, description="what plans differ in")
    plans: Annotated[dict[Code, PlanEntry], Field(min_length=1)] = Field(description="by their codes, cheapest first")
    add_ons: dict[Code, AddOnEntry] = Field(default_factory=dict, description="sold by the unit on top of any plan")

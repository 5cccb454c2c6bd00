"""Plan catalogs as YAML files: what is for sale, at what price, and what each plan entitles to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainValidator,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from configuration.features import (
    Entitlements,
    Feature,
    Name,
    check_entitlements,
    declared,
    in_words,
    value_of,
)
from configuration.limit_rules import LimitEntry
from configuration.prices import Discount, amount_of, written
from configuration.validation import Faults, Strict, check, shown
from configuration.yaml_source import Problem, Tree, read
from domain.currencies import DECIMALS, MAX_AMOUNT
from domain.features import Kind, Overage
from domain.money import Money
from domain.plans import AddOn, Catalog, Interval, Plan, TaxBehavior
from domain.spelling import did_you_mean

FREE = "free"
"""Said outright, so that no plan is given away because its prices were forgotten."""
MAX_TRIAL_DAYS = 90
_CODE_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_")


@dataclass(frozen=True)
class _Context:
    """What the parts of a catalog need to know of its other parts."""

    currency: str | None
    features: dict[str, Feature | None]


def _is_code(code: object) -> str:
    if not isinstance(code, str) or not code or len(code) > 40 or set(code) - _CODE_LETTERS or not code[0].isalpha():
        raise ValueError("must be lower-case letters, digits and _, begin with a letter, and be 40 long at most")
    return code


def _is_currency(code: object) -> str:
    if not isinstance(code, str) or code not in DECIMALS:
        raise ValueError(f"must be a currency's code in lower case, as usd; {did_you_mean(str(code), DECIMALS)}")
    return code


def _amount(price: object, info: ValidationInfo) -> int:
    context = info.context
    assert isinstance(context, _Context)  # noqa: S101 - `_checked` gives it
    # Of a currency that is at fault, which is told by itself, nobody knows the decimals.
    return 0 if context.currency is None else amount_of(price, context.currency)


def _entitlements(given: Entitlements, info: ValidationInfo) -> Entitlements:
    context = info.context
    assert isinstance(context, _Context)  # noqa: S101 - `_checked` gives it
    check_entitlements(given, context.features)
    return given


def _unless_free(prices: object) -> object:
    if prices == FREE:
        return None
    if isinstance(prices, dict):
        return prices
    raise ValueError(f"must be the prices of a month and a year, or {FREE}, not {shown(prices)}")


_Code = Annotated[str, BeforeValidator(_is_code)]
_Price = Annotated[int, PlainValidator(_amount)]
_Discount = Annotated[Discount, PlainValidator(Discount.of)]
_Text = Annotated[str, StringConstraints(max_length=300)]


class _Prices(Strict):
    month: _Price | None = None
    year: _Price | None = None
    annual_discount: _Discount | None = None

    @field_validator("annual_discount")
    @classmethod
    def _has_one_source(cls, discount: Discount | None, info: ValidationInfo) -> Discount | None:
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


class _OverageEntry(Strict):
    price: _Price
    units: Annotated[int, Field(ge=1)] = 1
    at_most: Annotated[int, Field(ge=1)] | None = None


class _PlanEntry(Strict):
    name: Name
    description: _Text = ""
    prices: Annotated[_Prices | None, BeforeValidator(_unless_free)]
    """None: the plan is free."""
    trial_days: Annotated[int, Field(ge=0, le=MAX_TRIAL_DAYS)] | None = None
    entitlements: Annotated[Entitlements, AfterValidator(_entitlements)] = Field(
        default_factory=dict, validate_default=True
    )
    overage: dict[_Code, _OverageEntry] = Field(default_factory=dict)
    """What use beyond a limit costs; without it, use is refused there."""
    upgrades_to: list[str] | None = None


class _AddOnEntry(Strict):
    name: Name
    prices: _Prices
    adds: dict[_Code, Annotated[int, Field(ge=1)]] = Field(default_factory=dict)
    """What one unit adds to the plan's entitlements."""

    @field_validator("adds")
    @classmethod
    def _adds_to_numbers(cls, adds: dict[str, int], info: ValidationInfo) -> dict[str, int]:
        context = info.context
        assert isinstance(context, _Context)  # noqa: S101 - `_checked` gives it
        numbers = [code for code, one in context.features.items() if one is None or one.kind is Kind.NUMBER]
        if faults := [
            ((code,), f"no number to add to; {did_you_mean(code, numbers)}") for code in adds if code not in numbers
        ]:
            raise Faults(faults)
        return adds


class _CatalogEntry(Strict):
    product: _Code
    version: Annotated[int, Field(ge=1)]
    currency: Annotated[str, BeforeValidator(_is_currency)]
    tax_behavior: Annotated[TaxBehavior, Field(strict=False)] | None = None
    annual_discount: _Discount | None = None
    limits: dict[_Code, LimitEntry] = Field(default_factory=dict)
    features: dict[_Code, Feature] = Field(default_factory=dict)
    plans: Annotated[dict[_Code, _PlanEntry], Field(min_length=1)]
    add_ons: dict[_Code, _AddOnEntry] = Field(default_factory=dict)


def load_catalog(path: Path) -> Catalog:
    """Read a catalog.

    Raises:
        ConfigurationError: the file cannot be used; the message has a line for each thing to mend.
    """
    return _built(_checked(path))


def check_catalog(path: Path) -> str:
    """Read a catalog and tell people what it says.

    Raises:
        ConfigurationError: the file cannot be used.
    """
    entry = _checked(path)
    return "\n".join(_summary(_built(entry)))


def _checked(path: Path) -> _CatalogEntry:
    source = read(path)
    tree = source.tree if isinstance(source.tree, dict) else {}
    currency = tree.get("currency")
    context = _Context(currency if isinstance(currency, str) and currency in DECIMALS else None, declared(tree))
    entry = check(source, _CatalogEntry, context, _collisions(_part(tree, "plans"), _part(tree, "add_ons")))
    if problems := [*_dear_years(entry), *_loose_ends(entry)]:
        raise source.error(problems)
    return entry


def _part(tree: Mapping[str, Tree], key: str) -> Mapping[str, Tree]:
    found = tree.get(key)
    return found if isinstance(found, dict) else {}


def _collisions(plans: Mapping[str, Tree], add_ons: Mapping[str, Tree]) -> Iterator[Problem]:
    free = [code for code, plan in plans.items() if isinstance(plan, dict) and plan.get("prices") == FREE]
    for code in free[1:]:
        yield Problem(("plans", code, "prices"), f"there is a free plan already, {free[0]!r}: give this one prices")
    for code in add_ons:
        if code in plans:
            yield Problem(("add_ons", code), "a plan has this code already", at_key=True)


def _dear_years(entry: _CatalogEntry) -> Iterator[Problem]:
    sold = [("plans", code, plan.prices) for code, plan in entry.plans.items()]
    sold += [("add_ons", code, add_on.prices) for code, add_on in entry.add_ons.items()]
    for part, code, prices in sold:
        if any(price.amount > MAX_AMOUNT for price in (_prices(prices, entry) if prices else {}).values()):
            yield Problem((part, code, "prices"), "makes a year dearer than the payment provider takes")


def _loose_ends(entry: _CatalogEntry) -> Iterator[Problem]:
    """What names something that is not there, or not of its kind."""
    for code, feature in entry.features.items():
        if feature.limit is not None and feature.limit not in entry.limits:
            message = f"no rule of this name stands under 'limits'; {did_you_mean(feature.limit, entry.limits)}"
            yield Problem(("features", code, "limit"), message)
    counted = [code for code, feature in entry.features.items() if feature.window is not None and not feature.gauge]
    for code, plan in entry.plans.items():
        for other in plan.upgrades_to or []:
            if other not in entry.plans or other == code:
                others = [one for one in entry.plans if one != code]
                yield Problem(("plans", code, "upgrades_to"), f"no other plan {other!r}; {did_you_mean(other, others)}")
        for name in plan.overage:
            if name not in counted:
                yield Problem(
                    ("plans", code, "overage", name), f"is not counted; {did_you_mean(name, counted)}", at_key=True
                )
            elif plan.prices is None:
                yield Problem(("plans", code, "overage"), "who has a free plan is not billed: give the plan prices")


def _prices(prices: _Prices, entry: _CatalogEntry) -> dict[Interval, Money]:
    priced: dict[Interval, Money] = {}
    discount = prices.annual_discount or entry.annual_discount
    if prices.month is not None:
        priced[Interval.MONTH] = Money(prices.month, entry.currency)
    if prices.year is not None:
        priced[Interval.YEAR] = Money(prices.year, entry.currency)
    elif discount and prices.month is not None:
        priced[Interval.YEAR] = discount.year(priced[Interval.MONTH])
    return priced


def _built(entry: _CatalogEntry) -> Catalog:
    rules = {name: rule.built() for name, rule in entry.limits.items()}
    plans = {code: _plan(code, plan, entry) for code, plan in entry.plans.items()}
    add_ons = {
        code: AddOn(code, one.name, _prices(one.prices, entry), dict(one.adds)) for code, one in entry.add_ons.items()
    }
    built = {code: feature.built(code, rules) for code, feature in entry.features.items()}
    return Catalog(entry.product, entry.version, entry.currency, plans, add_ons, entry.tax_behavior, built)


def _plan(code: str, plan: _PlanEntry, entry: _CatalogEntry) -> Plan:
    return Plan(
        code,
        plan.name,
        _prices(plan.prices, entry) if plan.prices else {},
        plan.trial_days,
        plan.description,
        {name: value_of(value, entry.features[name]) for name, value in plan.entitlements.items()},
        {name: Overage(Money(one.price, entry.currency), one.units, one.at_most) for name, one in plan.overage.items()},
        tuple(plan.upgrades_to) if plan.upgrades_to is not None else None,
    )


def _summary(catalog: Catalog) -> Iterator[str]:
    tax = f", tax {catalog.tax_behavior}" if catalog.tax_behavior is not None else ""
    yield f"{catalog.product}, version {catalog.version}, prices in {catalog.currency.upper()}{tax}"
    yield "Plans"
    for code, plan in catalog.plans.items():
        trial = "" if plan.trial_days is None else f", {plan.trial_days} days of trial"
        yield f"  {code}: {plan.name}, {_prices_in_words(plan)}{trial}"
        if plan.entitlements:
            given = [in_words(value, catalog.features[name]) for name, value in plan.entitlements.items()]
            yield f"    {'; '.join(given)}"
    if catalog.add_ons:
        yield "Add-ons, each unit"
    for code, add_on in catalog.add_ons.items():
        adds = [f"{count} to {catalog.features[name].name}" for name, count in add_on.adds.items()]
        yield f"  {code}: {add_on.name}, {_prices_in_words(add_on)}{', adds ' if adds else ''}{', '.join(adds)}"


def _prices_in_words(sold: Plan | AddOn) -> str:
    return " or ".join(f"{written(price)} a {interval}" for interval, price in sold.prices.items()) or "free"

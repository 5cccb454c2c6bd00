"""What the pricing page shows: the catalog in the reader's words and formats."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from urllib.parse import urlencode

from api.catalog.views import trial_days_of
from api.web.readers import Reader
from domain.catalog.features import Feature, FeatureKind, UsageWindow, Value
from domain.catalog.plans import AddOn, Catalog, Interval, Plan
from domain.catalog.presentation import Presentation, Question, ShownPlan, WordsInLanguage
from domain.money import Money, step
from localization.formats import Formats


@dataclass(frozen=True)
class PriceTag:
    """What a plan costs for one interval."""

    amount: str
    interval: Interval
    a_month: str
    """A twelfth of a yearly price; empty for a monthly one."""
    saving: str
    """As "10%"; empty if a year saves nothing, or is not sold."""


@dataclass(frozen=True)
class Card:
    """One plan."""

    code: str
    name: str
    description: str
    cta: str
    """Empty: the page's own words."""
    is_highlighted: bool
    is_free: bool
    contact_url: str
    """Not empty: there is no price, and customers ask for the plan there."""
    trial_days: int
    tags: Mapping[Interval, PriceTag]
    """The price to show for each interval: the other one, if the plan is not sold for it."""
    links: Mapping[Interval, str]
    """Where the plan is bought, by interval; empty if nowhere."""


@dataclass(frozen=True)
class Cell:
    """A plan's value for a feature: whether there is any, and which."""

    has: bool
    text: str
    """Empty for a switch."""
    is_per_unit: bool = False


@dataclass(frozen=True)
class Row:
    """A feature with every plan's value."""

    name: str
    help: str
    window: UsageWindow | None
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Section:
    """Features that belong together; without a title they are in no group."""

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class OverageLine:
    """The price of usage beyond a limit."""

    plan: str
    feature: str
    price: str
    units: str
    """Empty: the price is of one."""
    at_most: str
    """Empty: there is no cap."""


@dataclass(frozen=True)
class AddOnLine:
    """What can be added to a plan."""

    name: str
    prices: tuple[tuple[Interval, str], ...]
    adds: tuple[tuple[str, str], ...]
    """By feature's name, how much."""


@dataclass(frozen=True)
class PricingContent:
    """All that the page shows."""

    cards: tuple[Card, ...]
    sections: tuple[Section, ...]
    overage: tuple[OverageLine, ...]
    add_ons: tuple[AddOnLine, ...]
    questions: tuple[Question, ...]
    intervals: tuple[Interval, ...]
    """Those that at least one plan is sold for; the month, if none has a price."""
    best_saving: str
    """The most that a year saves, as "10%"; empty if nothing."""
    saves_alike: bool
    """True if every plan that is sold for both intervals saves as much."""
    tax: str
    """inclusive, exclusive, or empty if it is not known."""


@dataclass(frozen=True)
class PricingSource:
    """Where the content comes from."""

    catalog: Catalog
    presentation: Presentation
    trial_days: int
    """The policy's, for plans without their own."""
    sign_up_url: str = ""
    """Where plans are bought; empty: nowhere yet."""

    def content(self, reader: Reader) -> PricingContent:
        """Return what a reader sees."""
        return _Writer(self, reader).content()

    def plan(self, shown: ShownPlan) -> Plan | None:
        """Return the plan that is sold; None if it is to be asked for."""
        return None if shown.contact_url else self.catalog.plans[shown.code]

    def link(self, plan: Plan, interval: Interval) -> str:
        """Return where a plan is bought; empty if nowhere."""
        if not self.sign_up_url:
            return ""
        chosen = {"plan": plan.code} | ({} if plan.is_free else {"interval": interval.value})
        return f"{self.sign_up_url}?{urlencode(chosen)}"

    @property
    def sold_for(self) -> tuple[Interval, ...]:
        """The intervals that at least one plan is sold for."""
        sold = {interval for plan in self.catalog.for_sale for interval in plan.prices}
        return tuple(interval for interval in Interval if interval in sold)


def yearly_saving(prices: Mapping[Interval, Money]) -> int:
    """Return how many percent a year costs less than twelve months, rounded down; 0 if nothing or not comparable.

    Prices are rounded to what can be charged: 9.998 % less is a discount of 10 %.
    """
    if not {Interval.MONTH, Interval.YEAR} <= prices.keys():
        return 0
    months = 12 * prices[Interval.MONTH].amount
    share = Decimal(100 * (months - prices[Interval.YEAR].amount)) / months
    return max(0, int(share.quantize(Decimal("0.01"), ROUND_HALF_UP)))


def a_twelfth(price: Money) -> Money:
    """Return a twelfth of a yearly price, rounded half up to an amount that can be written."""
    smallest = step(price.currency)
    units = (Decimal(price.amount) / (12 * smallest)).quantize(Decimal(1), ROUND_HALF_UP)
    return Money(int(units) * smallest, price.currency)


class _Writer:
    """Writes the content for one reader."""

    def __init__(self, source: PricingSource, reader: Reader) -> None:
        self._source = source
        self._catalog = source.catalog
        self._shown = source.presentation
        self._formats: Formats = reader.formats
        self._words: WordsInLanguage = source.presentation.in_language(reader.language.code)
        self._unlimited = reader.language.words.gettext("Unlimited")

    def content(self) -> PricingContent:
        tax = self._catalog.tax_behavior
        savings = {yearly_saving(plan.prices) for plan in self._catalog.for_sale if len(plan.prices) > 1} or {0}
        return PricingContent(
            tuple(self._card(plan) for plan in self._shown.plans),
            tuple(self._sections()),
            tuple(self._overage()),
            tuple(self._add_on(add_on) for add_on in self._catalog.add_ons.values()),
            self._words.questions,
            self._source.sold_for or (Interval.MONTH,),
            self._percent(max(savings)),
            len(savings) == 1,
            tax.value if tax is not None else "",
        )

    def _card(self, shown: ShownPlan) -> Card:
        plan, words = self._source.plan(shown), self._words.plan(shown.code)
        return Card(
            shown.code,
            words.name,
            words.description,
            words.cta,
            shown.is_highlighted,
            plan is not None and plan.is_free,
            shown.contact_url,
            trial_days_of(plan, self._source.trial_days) if plan is not None else 0,
            self._tags(plan) if plan is not None else {},
            {interval: self._source.link(plan, interval) for interval in Interval} if plan is not None else {},
        )

    def _tags(self, plan: Plan) -> dict[Interval, PriceTag]:
        """The price for each interval, or for the one that there is."""
        saving = self._percent(yearly_saving(plan.prices))
        tags = {
            interval: PriceTag(
                self._money(price),
                interval,
                self._money(a_twelfth(price)) if interval is Interval.YEAR else "",
                saving if interval is Interval.YEAR else "",
            )
            for interval, price in plan.prices.items()
        }
        return {interval: tags.get(interval, next(iter(tags.values()))) for interval in Interval} if tags else {}

    def _sections(self) -> Iterator[Section]:
        for group in self._shown.groups:
            yield Section(self._words.group(group), tuple(self._rows(group)))
        if rest := tuple(self._rows(None)):
            yield Section("", rest)

    def _rows(self, group: str | None) -> Iterator[Row]:
        for code, feature in self._catalog.features.items():
            if self._shown.group_of.get(code) == group:
                words = self._words.feature(code)
                values = (plan.entitlements.get(code, False) for plan in self._shown.plans)
                cells = tuple(self._cell(value, feature) for value in values)
                yield Row(words.name, words.help, feature.window, cells)

    def _cell(self, value: Value, feature: Feature) -> Cell:
        if isinstance(value, bool):
            return Cell(value, "")
        match value:
            case None:
                return Cell(has=True, text=self._unlimited)
            case int() if feature.kind is FeatureKind.RATE:
                return Cell(has=True, text=f"×{self._number(value)}")
            case int():
                return Cell(value > 0, self._number(value), feature.per_unit)
            case str():
                return Cell(has=True, text=self._value(value, feature))
        return Cell(bool(value), ", ".join(self._value(one, feature) for one in value))

    def _value(self, value: str, feature: Feature) -> str:
        return self._words.feature(feature.code).values.get(value, value)

    def _overage(self) -> Iterator[OverageLine]:
        for shown in self._shown.plans:
            plan = self._source.plan(shown)
            for code, overage in plan.overage.items() if plan is not None else ():
                yield OverageLine(
                    self._words.plan(shown.code).name,
                    self._words.feature(code).name,
                    self._money(overage.price),
                    self._number(overage.units) if overage.units > 1 else "",
                    self._number(overage.at_most) if overage.at_most is not None else "",
                )

    def _add_on(self, add_on: AddOn) -> AddOnLine:
        return AddOnLine(
            self._words.add_on(add_on.code).name,
            tuple((interval, self._money(price)) for interval, price in add_on.prices.items()),
            tuple((self._words.feature(code).name, self._number(units)) for code, units in add_on.adds.items()),
        )

    def _money(self, money: Money) -> str:
        return self._formats.money(money.amount, money.currency)

    def _number(self, number: int) -> str:
        return self._formats.number(Decimal(number))

    def _percent(self, percent: int) -> str:
        return self._formats.percent(Decimal(percent)) if percent else ""

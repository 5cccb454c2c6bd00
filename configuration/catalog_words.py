"""Prices, features, rules and limits of a catalog in words."""

from configuration.catalog_kinds import UNLIMITED
from configuration.limit_rules import status_of
from domain.catalog.features import Feature, FeatureKind, LimitRule, Overage, UsageWindow, Value
from domain.catalog.plans import AddOn, Plan
from domain.money import formatted

_WINDOWS = {
    UsageWindow.DAY: "counted by the day",
    UsageWindow.WEEK: "counted by the week",
    UsageWindow.MONTH: "counted by the calendar month",
    UsageWindow.BILLING_PERIOD: "counted by the billing period",
    UsageWindow.GAUGE: "a current amount",
}


def prices_in_words(sold: Plan | AddOn) -> str:
    return " or ".join(f"{formatted(price)} a {interval}" for interval, price in sold.prices.items()) or "free"


def value_in_words(value: Value, feature: Feature) -> str:
    """A plan's value for a feature, without the feature's name."""
    match value:
        case None:
            return UNLIMITED
        case bool():
            return "yes" if value else "no"
        case tuple():
            return ", ".join(value) or "none"
        case int():
            return f"x{value}" if feature.kind is FeatureKind.RATE else f"{value:,}"
    return value


def entitlement_in_words(value: Value, feature: Feature) -> str:
    """A plan's value for a feature, with its name."""
    if isinstance(value, bool):
        return feature.name if value else f"no {feature.name}"
    per_unit = " a unit" if feature.per_unit and value is not None else ""
    return f"{feature.name}: {value_in_words(value, feature)}{per_unit}"


def feature_in_words(feature: Feature) -> str:
    """What a feature is, and how it is counted."""
    match feature.kind:
        case FeatureKind.SWITCH:
            return "yes or no"
        case FeatureKind.RATE:
            return "a multiplier of the product's own rate limits"
        case FeatureKind.LEVEL:
            return f"a level, from least to most: {', '.join(feature.values)}"
        case FeatureKind.SET:
            return f"some of {', '.join(feature.values)}"
    if feature.window is None:
        return "a number, not counted here"
    meter = "" if feature.meter == feature.code else f" as {feature.meter}"
    return f"{_WINDOWS[feature.window]}{meter}"


def rule_in_words(rule: LimitRule) -> str:
    """What happens near a limit."""
    mails = f"mails at {' and '.join(f'{share}%' for share in rule.mails)}" if rule.mails else "no mails"
    return f"hint from {rule.warn}%, {mails}, {_refusal_in_words(rule)}"


def _refusal_in_words(rule: LimitRule) -> str:
    if rule.hard is None:
        return "never refused"
    if rule.hard == 100:
        return f"refused beyond 100% with {status_of(rule)}"
    days = f"{rule.grace_days} day{'' if rule.grace_days == 1 else 's'}"
    return f"up to {rule.hard}% for {days}, refused beyond with {status_of(rule)}"


def overage_in_words(overage: Overage) -> str:
    """The price of usage beyond a limit."""
    each = "each" if overage.units == 1 else f"for each {overage.units:,}"
    most = "" if overage.at_most is None else f", {overage.at_most:,} more at most"
    return f"{formatted(overage.price)} {each}{most}"

"""A catalog in words, for checking a file."""

from collections.abc import Iterator
from pathlib import Path

from configuration.catalog_file import load_catalog
from configuration.catalog_words import (
    entitlement_in_words,
    feature_in_words,
    overage_in_words,
    prices_in_words,
    rule_in_words,
)
from configuration.pages_file import load_presentation
from domain.catalog.features import LimitRule
from domain.catalog.plans import Catalog, Plan
from domain.catalog.presentation import Presentation


def check_catalog(path: Path) -> str:
    """Read a catalog and describe it in words.

    Raises:
        ConfigurationError: the file is invalid.
    """
    return "\n".join([*_summary(load_catalog(path)), *_pages(load_presentation(path))])


def _summary(catalog: Catalog) -> Iterator[str]:
    tax = f", tax {catalog.tax_behavior}" if catalog.tax_behavior is not None else ""
    yield f"{catalog.product}, version {catalog.version}, prices in {catalog.currency.upper()}{tax}"
    yield "Plans"
    for code, plan in catalog.plans.items():
        trial = "" if plan.trial_days is None else f", {plan.trial_days} days of trial"
        hidden = ", not for sale" if plan.is_hidden else ""
        yield f"  {code}: {plan.name}, {prices_in_words(plan)}{trial}{hidden}"
        yield from _plan(plan, catalog)
    if catalog.add_ons:
        yield "Add-ons, each unit"
    for code, add_on in catalog.add_ons.items():
        adds = [f"{count:,} to {catalog.features[name].name}" for name, count in add_on.adds.items()]
        yield f"  {code}: {add_on.name}, {prices_in_words(add_on)}{', adds ' if adds else ''}{', '.join(adds)}"
    if catalog.features:
        yield "Features"
    for code, feature in catalog.features.items():
        yield f"  {code}: {feature.name}, {feature_in_words(feature)}"
    yield from _limits(catalog)


def _limits(catalog: Catalog) -> Iterator[str]:
    rules: dict[LimitRule, list[str]] = {}
    for feature in catalog.features.values():
        if feature.window is not None:
            rules.setdefault(feature.limit, []).append(feature.name)
    if rules:
        yield "Near a limit"
    for rule, names in rules.items():
        yield f"  {', '.join(names)}: {rule_in_words(rule)}"


def _plan(plan: Plan, catalog: Catalog) -> Iterator[str]:
    if plan.entitlements:
        given = [entitlement_in_words(value, catalog.features[name]) for name, value in plan.entitlements.items()]
        yield f"    {'; '.join(given)}"
    for name, overage in plan.overage.items():
        yield f"    beyond the limit {catalog.features[name].name} cost {overage_in_words(overage)}"
    if plan.upgrades_to is not None:
        yield f"    upgrades to {', then '.join(plan.upgrades_to) or 'nothing'}"


def _pages(presentation: Presentation) -> Iterator[str]:
    highlighted = [plan.code for plan in presentation.plans if plan.is_highlighted]
    lines = [f"  recommended: {code}" for code in highlighted]
    lines += [
        f"  {plan.code}: to be asked for at {plan.contact_url}" for plan in presentation.plans if plan.contact_url
    ]
    lines += [f"  features in groups: {', '.join(presentation.groups)}"] if presentation.groups else []
    for code, wording in sorted(presentation.wordings.items()):
        if wording.questions:
            lines.append(f"  questions in {code}: {len(wording.questions)}")
    if lines:
        yield "Pages"
    yield from lines

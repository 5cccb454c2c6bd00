"""Errors between the parts of a catalog file, each part being valid by itself."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from configuration.catalog_entries import CatalogEntry, PlanEntry
from configuration.catalog_kinds import FREE
from configuration.features import Feature
from configuration.yaml_source import Problem, Tree
from domain.catalog.features import FeatureKind
from domain.did_you_mean import did_you_mean

PAGES = ("compare", "suggest")
"""Paths under `/v1/plans/` that are not plans."""


def collisions(tree: Mapping[str, Tree]) -> Iterator[Problem]:
    """Find errors that need no valid file: codes and plans that conflict."""
    plans, add_ons = _part(tree, "plans"), _part(tree, "add_ons")
    free = [code for code, plan in plans.items() if isinstance(plan, dict) and plan.get("prices") == FREE]
    for code in free[1:]:
        yield Problem(("plans", code, "prices"), f"there already is a free plan, {free[0]!r}: give this one prices")
    for code in add_ons:
        if code in plans:
            yield Problem(("add_ons", code), "a plan already has this code", at_key=True)
    for code in plans:
        if code in PAGES:
            yield Problem(("plans", code), f"/v1/plans/{code} is another page: use another code", at_key=True)


def _part(tree: Mapping[str, Tree], key: str) -> Mapping[str, Tree]:
    found = tree.get(key)
    return found if isinstance(found, dict) else {}


def loose_ends(entry: CatalogEntry) -> Iterator[Problem]:
    """Find references to something missing or of the wrong kind, and contradictions."""
    yield from _rules(entry)
    yield from _twins(entry.features)
    yield from _meters(entry.features)
    for code, plan in entry.plans.items():
        yield from _upgrades(code, plan, entry)
        yield from _overage(code, plan, entry)
        yield from _for_contact(code, plan)
        if plan.is_free and plan.trial_days:
            yield Problem(
                ("plans", code, "trial_days"), "a free plan has no trial: remove this, or give the plan prices"
            )
    yield from _sold_names(entry)
    yield from _shown(entry)


def _for_contact(code: str, plan: PlanEntry) -> Iterator[Problem]:
    """Find what a plan has that nobody signs up for."""
    if not plan.is_for_contact:
        return
    for key in ("trial_days", "overage", "upgrades_to"):
        if getattr(plan, key):
            yield Problem(("plans", code, key), "a plan with a contact_url has no sign-up: remove this", at_key=True)
    if plan.hidden:
        yield Problem(
            ("plans", code, "hidden"),
            "a plan with a contact_url is only shown, so it cannot be hidden: remove one of the two",
        )


def _shown(entry: CatalogEntry) -> Iterator[Problem]:
    """Find what pages could not show."""
    if all(plan.is_for_contact for plan in entry.plans.values()):
        yield Problem(("plans",), "must have a plan with prices, or a free one", at_key=True)
    highlighted = [code for code, plan in entry.plans.items() if plan.highlight]
    for code in highlighted[1:]:
        yield Problem(("plans", code, "highlight"), f"{highlighted[0]!r} is highlighted already: one plan at most")
    for code in highlighted:
        if entry.plans[code].hidden:
            yield Problem(("plans", code, "highlight"), "the plan is hidden: remove one of the two")
    yield from _groups(entry.features, entry.pages.groups)


def _groups(features: Mapping[str, Feature], groups: list[str]) -> Iterator[Problem]:
    used = {code: feature.group for code, feature in features.items() if feature.group is not None}
    unknown = {code: group for code, group in used.items() if group not in groups}
    for code, group in unknown.items():
        message = f"there is no such group under 'pages.groups'; {did_you_mean(group, groups)}"
        yield Problem(("features", code, "group"), message)
    for number, group in enumerate(groups):
        if not unknown and group not in used.values():
            yield Problem(("pages", "groups", number), f"no feature is in the group {group!r}")


def _rules(entry: CatalogEntry) -> Iterator[Problem]:
    for code, feature in entry.features.items():
        if feature.limit is not None and feature.limit not in entry.limits:
            message = f"there is no such rule under 'limits'; {did_you_mean(feature.limit, entry.limits)}"
            yield Problem(("features", code, "limit"), message)


def _twins(features: Mapping[str, Feature]) -> Iterator[Problem]:
    codes: dict[str, str] = {}
    names: dict[str, str] = {}
    for code, feature in features.items():
        other = codes.setdefault(code.replace("_", ""), code)
        if other != code:
            message = f"differs from {other!r} only by _: the two would be confused"
            yield Problem(("features", code), message, at_key=True)
        other = names.setdefault(feature.name.casefold(), code)
        if other != code:
            message = f"{other!r} already has this name: customers could not tell the two apart"
            yield Problem(("features", code, "name"), message)


def _meters(features: Mapping[str, Feature]) -> Iterator[Problem]:
    of_meter: dict[str, dict[str, Feature]] = defaultdict(dict)
    for code, feature in features.items():
        if feature.window is None:
            continue
        meter = feature.meter or code
        place = ("features", code, "meter") if feature.meter else ("features", code)
        # Usage is reported by the name of a meter or a feature: one name must not mean two meters.
        named = features.get(meter)
        if named is not None and meter != code and (named.window is None or (named.meter or meter) != meter):
            yield Problem(place, f"{meter!r} is a feature that does not use this meter: give the meter another name")
        for other, known in of_meter[meter].items():
            if known.gauge != feature.gauge:
                message = f"{other!r} counts this meter differently: a gauge shares its meter with no other feature"
                yield Problem(place, message)
            elif known.window is feature.window:
                yield Problem(place, f"{other!r} counts the same meter over the same time: one of them is enough")
        of_meter[meter][code] = feature


def _upgrades(code: str, plan: PlanEntry, entry: CatalogEntry) -> Iterator[Problem]:
    given = plan.upgrades_to or []
    others = [one for one, it in entry.plans.items() if one != code and it.prices and not it.hidden]
    for number, other in enumerate(given):
        place = ("plans", code, "upgrades_to", number)
        if other == code:
            yield Problem(place, f"is the same plan; {did_you_mean('', others)}")
        elif other not in entry.plans:
            yield Problem(place, f"no plan {other!r}; {did_you_mean(other, others)}")
        elif other not in others:
            yield Problem(place, f"{other!r} {_why_no_upgrade(entry.plans[other])}")
        elif other in given[:number]:
            yield Problem(place, f"{other!r} is listed twice")


def _why_no_upgrade(plan: PlanEntry) -> str:
    if plan.hidden:
        return "is hidden: nobody can change to it"
    return "has a contact_url: nobody can change to it" if plan.is_for_contact else "is free: it is not an upgrade"


def _overage(code: str, plan: PlanEntry, entry: CatalogEntry) -> Iterator[Problem]:
    counted = [name for name, one in entry.features.items() if one.window is not None and not one.gauge]
    billed: dict[str, str] = {}
    for name in plan.overage:
        place, feature = ("plans", code, "overage", name), entry.features.get(name)
        if feature is None or name not in counted:
            yield Problem(place, _why_not_counted(name, feature, counted), at_key=True)
            continue
        number = plan.entitlements[name]
        if plan.is_free:
            yield Problem(place, "a free plan is never billed: give the plan prices", at_key=True)
        elif not isinstance(number, int):
            yield Problem(place, "is unlimited on this plan: there is no overage", at_key=True)
        elif number == 0:
            yield Problem(place, "is not included in this plan: give it a number first", at_key=True)
        meter = feature.meter or name
        other = billed.setdefault(meter, name)
        if other != name:
            message = f"{other!r} counts the same meter, and its overage is already billed: customers would pay twice"
            yield Problem(place, message, at_key=True)


def _why_not_counted(name: str, feature: Feature | None, counted: list[str]) -> str:
    if feature is not None and feature.gauge:
        return "is a gauge: sell more of it as an add-on; overage needs `per`"
    if feature is not None and feature.kind is FeatureKind.NUMBER:
        return "is not counted: add `per: month` (or another time span) to its declaration"
    return f"is not counted; {did_you_mean(name, counted)}"


def _sold_names(entry: CatalogEntry) -> Iterator[Problem]:
    """Find codes that would give two products or prices the same name at the payment provider."""
    sold = dict.fromkeys([*entry.plans, *entry.add_ons], "a plan or add-on")
    for code, plan in entry.plans.items():
        for name in plan.overage:
            ours = {f"{code}_{name}_overage": f"the overage of {name!r} on plan {code!r}"}
            ours |= {f"{name}_overage": f"the overage of {name!r}"}
            for made, what in ours.items():
                other = sold.setdefault(made, what)
                if other != what:
                    message = f"{other} has the name {made!r} at the payment provider too: use another code"
                    yield Problem(("plans", code, "overage", name), message, at_key=True)

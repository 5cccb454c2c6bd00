"""Warnings about live subscriptions whose catalog is not published, so that the current catalog applies."""

from collections.abc import Iterator, Mapping

from domain.catalog.plans import Catalog
from storage.catalog.unpublished import Followers


def follow(followers: Followers, today: Catalog) -> Iterator[str]:
    """Count them by catalog, name the plans that the current catalog lacks, and say what to do."""
    for name, plans in followers.items():
        whose = f"of {name}, which is not published" if name else "of an unknown catalog"
        yield f"{subscriptions(plans)} {whose}: they have what {today.name} gives ({by_plan(plans)})"
        gone = {plan: count for plan, count in plans.items() if plan not in today.plans}
        if gone:
            yield f"  {today.name} lacks {', '.join(gone)}: {subscriptions(gone)} {_have(gone)} nothing"
        if name:
            yield f"  push the file of {name} as it was to restore what they chose"
        elif gone:
            yield f"  keep {', '.join(gone)} in the file, or change {_them(gone)} to another plan"


def lack(followers: Followers, today: Catalog) -> bool:
    """True if any subscription is entitled to nothing because the current catalog lacks its plan."""
    return any(plan not in today.plans for plans in followers.values() for plan in plans)


def subscriptions(plans: Mapping[str, int]) -> str:
    count = sum(plans.values())
    return f"{count:,} live subscription{'' if count == 1 else 's'}"


def by_plan(plans: Mapping[str, int]) -> str:
    return ", ".join(f"{plan}: {count:,}" for plan, count in plans.items())


def _have(plans: Mapping[str, int]) -> str:
    return "has" if sum(plans.values()) == 1 else "have"


def _them(plans: Mapping[str, int]) -> str:
    return "it" if sum(plans.values()) == 1 else "them"

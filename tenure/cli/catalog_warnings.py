"""Words about live subscriptions whose own catalog is not published, so that they have what today's gives."""

from collections.abc import Iterator, Mapping

from domain.catalog.plans import Catalog
from storage.catalog.unpublished import Followers


def follow(followers: Followers, today: Catalog) -> Iterator[str]:
    """How many there are of each catalog, which of their plans today's catalog lacks, and what to do."""
    for name, plans in followers.items():
        whose = f"of {name}, which is not published" if name else "of no catalog that is known"
        yield f"{subscriptions(plans)} {whose}: they have what {today.name} gives ({by_plan(plans)})"
        gone = {plan: count for plan, count in plans.items() if plan not in today.plans}
        if gone:
            yield f"  {today.name} lacks {', '.join(gone)}: {subscriptions(gone)} {_have(gone)} nothing"
        if name:
            yield f"  push the file of {name} as it was, and they have what they chose"
        elif gone:
            yield f"  keep {', '.join(gone)} in the file, or change {_them(gone)} to another plan"


def lack(followers: Followers, today: Catalog) -> bool:
    """Whether somebody is entitled to nothing, as today's catalog lacks their plan."""
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

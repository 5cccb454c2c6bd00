"""Whether a policy and a catalog go together: each can be right by itself, and name what the other does not have."""

from collections.abc import Iterator
from pathlib import Path

from configuration.catalog_file import load_catalog
from configuration.policy_file import load_policy
from configuration.yaml_source import Problem, read
from domain.catalog.plans import Catalog
from domain.did_you_mean import nearest
from domain.subscription.policy import Policy


def load_offer(catalog: Path, policy: Path) -> tuple[Catalog, Policy]:
    """Read a catalog and the policy that is used with it.

    Raises:
        ConfigurationError: one is invalid, or the policy names plans that the catalog does not have; the message has
            one line per error.
    """
    offered, rules = load_catalog(catalog), load_policy(policy)
    problems = list(_unknown_plans(offered, rules))
    if problems:
        raise read(policy).error(problems)
    return offered, rules


def _unknown_plans(catalog: Catalog, policy: Policy) -> Iterator[Problem]:
    for number, code in enumerate(policy.self_service.switch_to or ()):
        if code not in catalog.plans:
            near = nearest(code, catalog.plans)
            advice = f"did you mean {near!r}?" if near else f"name one of {', '.join(catalog.plans)}, or remove it"
            message = f"{catalog.name} has no plan {code!r}, which customers could switch to: {advice}"
            yield Problem(("self_service", "switch_to", number), message)

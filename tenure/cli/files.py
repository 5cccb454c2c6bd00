"""Commands about policy files: `tenure policy check`."""

from pathlib import Path

from configuration.offer_check import load_offer
from configuration.policy_summary import check_policy


def check_one_policy(file: Path, *, catalog: Path | None = None) -> None:
    """Check a policy and print what it does, or every error with its line.

    Parameters
    ----------
    file
        The policy.
    catalog
        The catalog that it is used with: whether it has the plans that the policy names is checked, too.
    """
    if catalog is not None:
        load_offer(catalog, file)
    print(check_policy(file))

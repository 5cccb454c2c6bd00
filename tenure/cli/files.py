"""Commands about policy files: `tenure policy check`."""

from pathlib import Path

from configuration.policy_summary import check_policy


def check_one_policy(file: Path) -> None:
    """Read a policy and tell what it does, or every line that is wrong."""
    print(check_policy(file))

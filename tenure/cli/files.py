"""Commands about policy files: `tenure policy check`."""

from pathlib import Path

from configuration.policy_summary import check_policy


def check_one_policy(file: Path) -> None:
    """Check a policy and print what it does, or every error with its line."""
    print(check_policy(file))

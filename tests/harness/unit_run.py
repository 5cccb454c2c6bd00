"""A plugin for `make unit`: leaves out tests that ask for real servers, and fails one that asks for them all the same.

The time-skipping server of tests/workflows is not among them.
"""

import pytest

SERVERS = frozenset({"stack", "databases"})
"""The fixtures that start PostgreSQL, Temporal, the Stripe simulator or a mail server."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out = [item for item in items if SERVERS & set(getattr(item, "fixturenames", ()))]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in set(left_out)]


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[object]) -> None:
    if fixturedef.argname in SERVERS:
        pytest.fail(f"`make unit` starts no servers, and {fixturedef.argname} does")

"""A plugin for `make unit`: leaves out tests that ask for real servers, and the plugin that has the servers.

The time-skipping server of tests/workflows is not among them.
"""

import pytest

SERVERS = frozenset({"stack", "databases"})
"""The fixtures that start PostgreSQL, Temporal, the Stripe simulator or a mail server."""
STACK = "tests.harness.stack_plugin"


def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    early_config.pluginmanager.set_blocked(STACK)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out = [item for item in items if SERVERS & set(getattr(item, "fixturenames", ()))]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in set(left_out)]


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[object]) -> None:
    if fixturedef.argname in SERVERS:
        pytest.fail(f"`make unit` starts no servers, and {fixturedef.argname} does")

"""A plugin for `make unit`: leaves out tests that ask for real servers, and the plugins that have the servers.

The time-skipping server of tests/workflows is not among them.
"""

import pytest

SERVERS = frozenset({"stack", "databases", "database_url", "empty_url"})
"""The fixtures that start PostgreSQL, Temporal, the Stripe simulator or a mail server."""
PLUGINS = ("tests.harness.stack_plugin", "tests.harness.postgres")


def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    for plugin in PLUGINS:
        early_config.pluginmanager.set_blocked(plugin)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out = [item for item in items if SERVERS & set(getattr(item, "fixturenames", ()))]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in set(left_out)]


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[object]) -> None:
    if fixturedef.argname in SERVERS:
        pytest.fail(f"`make unit` starts no servers, and {fixturedef.argname} does")

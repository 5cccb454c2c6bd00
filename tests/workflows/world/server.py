"""The Temporal server of these tests: the dev server with a clock for each workflow, which no workflow skips itself."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from temporalio.common import SearchAttributeKey
from temporalio.testing import TimeSkippingConfig, WorkflowEnvironment

from domain.names import SEARCH_ATTRIBUTE_TYPES
from sandbox.temporal import DYNAMIC_CONFIG, SELDOM, executable

STANDS_STILL = TimeSkippingConfig(enabled=False)
"""Otherwise a workflow skips to its end as soon as nothing is under way."""


@asynccontextmanager
async def time_skipping_server() -> AsyncIterator[WorkflowEnvironment]:
    """A server in memory, with the search attributes of production."""
    settings = [part for key, value in DYNAMIC_CONFIG.items() for part in ("--dynamic-config-value", f"{key}={value}")]
    kinds = {"Datetime": SearchAttributeKey.for_datetime, "Keyword": SearchAttributeKey.for_keyword}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GOGC", SELDOM)
        environment = await WorkflowEnvironment.start_time_skipping_v2(
            ts_config=STANDS_STILL,
            dev_server_existing_path=str(executable()),
            dev_server_extra_args=settings,
            search_attributes=[kinds[kind](name) for name, kind in SEARCH_ATTRIBUTE_TYPES.items()],
        )
    async with environment:
        yield environment

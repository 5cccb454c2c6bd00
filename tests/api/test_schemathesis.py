"""Whatever is sent, no answer is a fault of ours, and each is one that OpenAPI describes.

`python -m tests.api.schemathesis_run` sends more, for longer.
"""

import pytest

from sandbox.stack import Stack
from tests.api.fuzzing import outcome_of
from tests.api.schemathesis_run import target_at


@pytest.mark.parametrize(
    ("kind", "examples", "statuses"),
    [
        pytest.param("described", 6, {200, 201, 401, 403, 404, 422}, id="as described, and in violation of it"),
        pytest.param("malformed", 400, {200, 401, 404, 405, 415, 422}, id="malformed"),
    ],
)
async def test_made_up_requests_get_answers_that_are_described(
    stack: Stack, name: str, kind: str, examples: int, statuses: set[int]
) -> None:
    found = await outcome_of(kind, await target_at(stack, name), 1, examples=examples)

    assert found.failures == {}, found.in_words()
    assert statuses <= {status for _, status in found.statuses}, "the requests reach what is behind the first check"
    assert {caller for caller, _ in found.statuses} == {"admin", "service", "stranger"}

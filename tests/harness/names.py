"""Names of customers: whoever signs up on a stack that others use too has one of their own, and so an address."""

import re
from uuid import uuid4

import pytest

LONGEST = 40
"""Of what is told of the test; with the rest it still is the first part of an address."""


def a_name(of: str) -> str:
    return f"{of}-{uuid4().hex[:8]}"


def named_after(request: pytest.FixtureRequest) -> str:
    """A name that tells whose test it is of, and that is given once."""
    told = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower())
    return a_name(told[-LONGEST:].strip("-"))

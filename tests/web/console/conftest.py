"""Operators in front of the console of the running stack."""

import pytest

from tests.harness.names import named_after
from tests.web.billing.conftest import admin

__all__ = ["admin"]


@pytest.fixture
def email(request: pytest.FixtureRequest) -> str:
    """An operator's address, derived from the test."""
    return f"{named_after(request)}-operator@example.com"


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """The name of a tenant of the test's own."""
    return named_after(request)

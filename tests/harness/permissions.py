"""A key of ours that lacks a permission at Stripe."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from sandbox.stripe.app import Api
from sandbox.stripe.errors import StripeFailure


@contextmanager
def withheld(method: str, path: str) -> Iterator[None]:
    """While the block runs Stripe does not let us make one call, as with a restricted key."""
    find = Api._find

    def forbidding(self: Api, asked: str, of: str) -> Any:
        if (asked, of) == (method, path):
            raise StripeFailure(403, "invalid_request_error", "The key does not have the required permissions.")
        return find(self, asked, of)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Api, "_find", forbidding)
        yield

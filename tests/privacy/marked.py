"""A customer with a mark in every field."""

from typing import Any

from sandbox.product import Product
from tests.harness.lives import Life
from tests.harness.names import a_name


async def a_marked_customer(product: Product, **more: Any) -> Life:
    """A customer whose external id is the mark: name, address, metadata and key have it in them."""
    mark = a_name("zzmark")
    contact, metadata = {"name": f"Person {mark}", "timezone": "Europe/Berlin"}, {"note": f"about {mark}"}
    return await Life.begun(product, mark, customer=contact, metadata=metadata, key=f"sign-up of {mark}", **more)

"""Names in the OpenAPI description, of which generators make names of clients."""

import re

from tests.web.site import an_app


def test_no_schema_is_named_by_the_module_that_it_comes_from() -> None:
    schemas = an_app().openapi()["components"]["schemas"]

    assert {name for name in schemas if "__" in name or not re.fullmatch("[A-Z][A-Za-z0-9]*", name)} == set()


def test_every_tag_is_described_once_and_has_operations() -> None:
    description = an_app().openapi()

    described = [tag["name"] for tag in description["tags"]]
    used = {tag for path in description["paths"].values() for one in path.values() for tag in one.get("tags", ())}

    assert sorted(described) == sorted(used)

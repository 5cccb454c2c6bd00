"""The API crosses tenants in one module, by what is listed here."""

import ast
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import api
from api.crossings import Crossings

ROOM = Path(api.__file__).parent
CROSSINGS = {
    "keys",
    "session",
    "end_session",
    "check_link",
    "opened_for",
    "enter",
    "console",
    "pay_page",
    "account_of_link",
    "purchase_of_page",
    "receive",
    "webhooks",
    "redeliver",
    "notices",
    "offer",
    "figures",
    "fault",
}


def using(name: str) -> Iterator[str]:
    """The modules of the API that name something."""
    for file in sorted(ROOM.rglob("*.py")):
        named = {node.attr for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Attribute)}
        named |= {node.id for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Name)}
        if name in named:
            yield str(file.relative_to(ROOM))


def test_the_api_crosses_tenants_for_these_reasons_and_no_others() -> None:
    assert {field.name for field in fields(Crossings)} == CROSSINGS, (
        "a new crossing needs a reason: docs/decisions/0040"
    )


def test_the_engine_that_sees_every_tenant_reaches_the_crossings_and_nothing_else() -> None:
    # It is declared and handed over there.
    assert list(using("system_engine")) == ["http/dependencies.py"]
    assert "Crossings" in (ROOM / "http/dependencies.py").read_text()


def test_no_module_of_the_api_makes_an_engine_or_takes_a_role() -> None:
    for name in ("create_engine_from_url", "create_async_engine", "DatabaseRole"):
        assert list(using(name)) == []

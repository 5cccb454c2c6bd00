"""The schema that editors check catalogs by."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from configuration.catalog_file import load_catalog
from configuration.catalog_schema import catalog_schema
from configuration.yaml_source import ConfigurationError
from tests.configuration import test_catalog_parts
from tests.configuration.conftest import Written
from tests.harness.catalogs import CATALOGS

SHIPPED = ("social", "attribution", "jobs", "manufacturing")
MISTAKES = (
    "a share without percent",
    "another status",
    "a misspelt key of a rule",
    "a rule's name with capitals",
    "another window",
    "a gauge as a window",
    "both a gauge and per time",
    "a meter of what is not counted",
    "a multiplier that is counted",
    "a meter with capitals",
    "more than can be counted",
    "no units",
    "a grace of years",
)


def read(text: str) -> Any:
    return YAML(typ="safe").load(text)


@pytest.fixture(scope="module")
def validator() -> "jsonschema.Draft202012Validator":
    schema = json.loads(catalog_schema())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_the_published_schema_is_what_the_command_prints() -> None:
    assert (CATALOGS / "catalog.schema.json").read_text() == catalog_schema(), (
        "run `tenure catalog schema > catalogs/catalog.schema.json`"
    )


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_catalog_names_the_schema_and_satisfies_it(
    validator: "jsonschema.Draft202012Validator", name: str
) -> None:
    text = (CATALOGS / f"{name}.yaml").read_text()

    assert text.splitlines()[0] == "# yaml-language-server: $schema=catalog.schema.json"
    assert list(validator.iter_errors(read(text))) == []


def test_the_schema_accepts_what_we_accept(validator: "jsonschema.Draft202012Validator", written: Written) -> None:
    text = test_catalog_parts.GOOD
    load_catalog(written(text))
    assert list(validator.iter_errors(read(text))) == []


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_within_one_part_is_shown_in_the_editor(
    validator: "jsonschema.Draft202012Validator", mistake: str
) -> None:
    right, wrong, _ = test_catalog_parts.MISTAKES[mistake]
    assert not validator.is_valid(read(test_catalog_parts.GOOD.replace(right, wrong, 1)))


@pytest.mark.parametrize(
    ("part", "wrong"),
    [
        (("plans", "pro"), {"prices": None}),
        (("plans", "pro"), {"prices": "gratis"}),
        (("plans", "pro", "prices"), {"annual_discount": "10%"}),
        (("plans", "pro", "prices"), {"month": "49 USD"}),
        (("plans", "pro"), {"trial_days": 91}),
        (("plans", "pro", "entitlements"), {"seats": -1}),
        (("features", "rate"), {"kind": "level"}),
        (("features", "rate"), {"values": ["x1"]}),
        ((), {"currency": "dollars"}),
        ((), {"plans": {}}),
    ],
)
def test_the_schema_refuses_what_we_refuse(
    validator: "jsonschema.Draft202012Validator", written: Written, part: tuple[str, ...], wrong: Mapping[str, Any]
) -> None:
    tree = read(test_catalog_parts.GOOD)
    place = tree
    for key in part:
        place = place[key]
    place.update(wrong)

    assert not validator.is_valid(tree)
    # JSON is YAML.
    with pytest.raises(ConfigurationError):
        load_catalog(written(json.dumps(tree)))


def test_every_key_of_a_catalog_is_explained_in_the_schema() -> None:
    def unexplained(part: Any, place: Path = Path()) -> list[str]:
        if not isinstance(part, dict):
            return []
        found = [
            str(place / name)
            for name, told in part.get("properties", {}).items()
            if isinstance(told, dict) and not told.get("description") and name != "description"
        ]
        return found + [one for key, value in part.items() for one in unexplained(value, place / key)]

    schema = json.loads(catalog_schema())
    # Conditions have properties, too, which are explained where they are declared.
    for defined in schema["$defs"].values():
        for condition in ("allOf", "dependentSchemas"):
            defined.pop(condition, None)
    assert unexplained(schema) == []

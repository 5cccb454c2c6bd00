"""The file that says what prices of others stand for."""

from pathlib import Path

import pytest

from configuration.catalog_file import load_catalog
from configuration.price_map import load_price_map
from configuration.yaml_source import ConfigurationError
from domain.imports.adoption import PriceMap

CATALOG = load_catalog(Path(__file__).parents[2] / "catalogs" / "manufacturing.yaml")


def written(folder: Path, text: str) -> Path:
    file = folder / "map.yaml"
    file.write_text(text)
    return file


def test_a_price_maps_to_a_plan_or_an_add_on(tmp_path: Path) -> None:
    file = written(tmp_path, "prices:\n  price_1: {plan: starter}\n  plan_2: {add_on: users}\n")

    assert load_price_map(file, CATALOG) == PriceMap({"price_1": "starter"}, {"plan_2": "users"})


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("price_1: {plan: starte}", "prices.price_1.plan: is not a plan for sale; did you mean 'starter'?"),
        ("price_1: {add_on: usrs}", "prices.price_1.add_on: is not an add-on; did you mean 'users'?"),
        ("price_1: {plan: starter, add_on: users}", "prices.price_1: must name either a plan or an add_on"),
        ("price_1: {}", "prices.price_1: must name either a plan or an add_on"),
        ("price_1: {plna: starter}", "prices.price_1.plna: unknown key; did you mean 'plan'?"),
        ("acme_gold_month_v1: {plan: starter}", "prices.acme_gold_month_v1: is a lookup key, or looks like one"),
    ],
)
def test_an_invalid_entry_is_reported_with_its_line(tmp_path: Path, line: str, told: str) -> None:
    file = written(tmp_path, f"prices:\n  price_0: {{plan: starter}}\n  {line}\n")

    with pytest.raises(ConfigurationError) as refused:
        load_price_map(file, CATALOG)

    assert f"{file}:3: {told}" in str(refused.value)

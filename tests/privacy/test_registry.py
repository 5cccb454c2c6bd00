"""Every column that can hold text is in one list, and so is every kind and detail of the journal."""

import json
from pathlib import Path

import pytest
from sqlalchemy import ARRAY, Column, LargeBinary, MetaData, Table, Text
from sqlalchemy.dialects import postgresql

from domain.privacy.redaction import FREE_TEXT, KEPT_DETAILS, PERSONAL_DETAILS, PLAIN
from storage.privacy.registry import RULES
from storage.schema.metadata import METADATA

WIRE_NAMES = Path(__file__).parents[1] / "contracts" / "wire_names.json"
RECORDED = json.loads(WIRE_NAMES.read_text(encoding="utf-8"))


def holds_text(table: Table) -> set[str]:
    """The columns of a table that can hold text of somebody's: texts, JSON and bytes."""
    return {
        column.name
        for column in table.columns
        if isinstance(column.type, Text | LargeBinary) or "JSON" in str(column.type) or _is_of_text(column.type)
    }


def _is_of_text(kind: object) -> bool:
    return isinstance(kind, ARRAY) and isinstance(kind.item_type, Text)


def test_every_table_has_a_rule() -> None:
    assert sorted(rule.table.name for rule in RULES) == sorted(METADATA.tables)


@pytest.mark.parametrize("table", METADATA.sorted_tables, ids=lambda table: table.name)
def test_every_column_that_can_hold_text_is_in_one_list_of_its_rule(table: Table) -> None:
    rule = next(rule for rule in RULES if rule.table is table)
    lists = (rule.kept, rule.emptied.keys(), rule.redacted.keys(), rule.deleted)

    assert sorted(holds_text(table)) == sorted(name for names in lists for name in names)


def test_a_new_column_of_text_would_be_noticed() -> None:
    table = Table(
        "notes",
        MetaData(),
        Column("note", Text),
        Column("facts", postgresql.JSONB),
        Column("names", postgresql.ARRAY(Text)),
    )

    assert holds_text(table) == {"note", "facts", "names"}


def test_rows_of_a_rule_that_deletes_or_empties_have_an_owner() -> None:
    assert [rule.table.name for rule in RULES if rule.whose is None and rule.columns != rule.kept] == []


def test_every_kind_of_the_journal_is_told_to_have_words_of_somebodys_or_not() -> None:
    kinds = {
        *RECORDED["database"]["journal kinds"],
        *(each.partition(":")[0] for each in RECORDED["recorded"]["journal"]),
    }

    assert kinds - PLAIN - FREE_TEXT.keys() == set()
    assert PLAIN.isdisjoint(FREE_TEXT)


def test_every_detail_of_the_journal_stays_or_goes() -> None:
    details = {each.partition(": ")[2] for each in RECORDED["recorded"]["journal"] if ": " in each}

    assert details - KEPT_DETAILS - PERSONAL_DETAILS == {"{feature}"}, "features' codes, with what is used of them"

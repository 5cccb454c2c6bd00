"""requirements/*.txt: one version of each package, hashes, and nothing of a machine or a registry."""

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "requirements"
WHOLE = "dev.txt"
PARTS = ("production.txt", "sandbox.txt", "build.txt")
FOR_TESTS_ONLY = {"hypothesis", "import-linter", "jsonschema", "mypy", "pytest", "ruff"}


def locked(name: str) -> dict[str, str]:
    """Package and version of each line, without hashes."""
    return dict(re.findall(r"^([a-z0-9._-]+)==([^ ]+)", (FOLDER / name).read_text(), re.MULTILINE))


@pytest.mark.parametrize("name", PARTS)
def test_a_lock_agrees_with_the_whole_one_on_every_version(name: str) -> None:
    assert locked(name)
    assert locked(name).items() <= locked(WHOLE).items()


def test_the_sandbox_has_all_of_production_and_of_the_build() -> None:
    assert (locked("production.txt") | locked("build.txt")).items() <= locked("sandbox.txt").items()


def test_the_sandbox_installs_nothing_that_only_tests_need() -> None:
    assert locked(WHOLE).keys() >= FOR_TESTS_ONLY
    assert not FOR_TESTS_ONLY & locked("sandbox.txt").keys()


@pytest.mark.parametrize("name", [WHOLE, *PARTS])
def test_a_lock_holds_versions_and_hashes_and_no_address(name: str) -> None:
    text = (FOLDER / name).read_text()

    assert "://" not in text
    assert "--index" not in text
    for entry in re.split(r"\n(?=\S)", text):
        assert "--hash=sha256:" in entry, entry

"""Files and environments to read from."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.configuration.variables import GOOD

Written = Callable[[str], Path]


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Written:
    """Writes a file and returns its path, short as someone in its folder would give it."""
    monkeypatch.chdir(tmp_path)

    def write(text: str) -> Path:
        path = Path("file.yaml")
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of ours is set, and no `.env` lies around."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.upper().startswith("TENURE_"):
            monkeypatch.delenv(name)


@pytest.fixture
def environment(bare_environment: None, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment in which every process can run."""
    for name in ("catalog.yaml", "policy.yaml"):
        Path(name).touch()
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    return monkeypatch

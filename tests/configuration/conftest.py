"""Files and environments to read from."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

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

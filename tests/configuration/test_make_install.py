"""What `make` installs and when, with commands in place of Python and pip that only write down how they were called."""

import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

TREE = Path(__file__).parents[2]
RECORDER = """#!/bin/sh
echo "$(basename "$0") $*" >> calls
case "$*" in
*"-m venv"*)
    mkdir -p .venv/bin
    for name in python tenure ruff mypy lint-imports; do cp "$0" .venv/bin/$name; done ;;
esac
if [ -e refused ] && echo "$*" | grep -qe "$(cat refused)"; then exit 1; fi
"""
SANDBOX, WHOLE, BROWSER = (f"-r requirements/{level}.txt" for level in ("sandbox", "dev", "browser"))


@dataclass(frozen=True)
class Checkout:
    """A folder with the Makefile and what it reads, and no environment yet."""

    folder: Path

    def make(self, target: str) -> subprocess.CompletedProcess[str]:
        command = ["make", target, f"PYTHON={self.folder / 'recorder'}"]
        # Not as a part of the make that runs the tests.
        alone = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
        return subprocess.run(command, cwd=self.folder, env=alone, capture_output=True, text=True, check=False)  # noqa: S603

    def installed(self, target: str) -> list[str]:
        """The locks that one `make` installs, in order."""
        (self.folder / "calls").write_text("")
        assert self.make(target).returncode == 0
        calls = (self.folder / "calls").read_text().splitlines()
        return [call.partition("--require-hashes ")[2] for call in calls if "--require-hashes" in call]

    def renew(self, lock: str) -> None:
        """Make a lock newer than whatever was installed: the clock of files may not have moved on since."""
        later = time.time() + 60
        os.utime(self.folder / "requirements" / lock, (later, later))

    def refuse(self, call: str) -> None:
        (self.folder / "refused").write_text(call)

    def allow_all(self) -> None:
        (self.folder / "refused").unlink()


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    shutil.copy(TREE / "Makefile", tmp_path)
    shutil.copy(TREE / "pyproject.toml", tmp_path)
    shutil.copytree(TREE / "requirements", tmp_path / "requirements")
    recorder = tmp_path / "recorder"
    recorder.write_text(RECORDER)
    recorder.chmod(0o755)
    return Checkout(tmp_path)


def test_a_demo_installs_the_sandbox_alone_and_once(checkout: Checkout) -> None:
    assert checkout.installed("demo") == [SANDBOX]
    assert checkout.installed("demo") == []


def test_tests_add_the_rest_to_what_a_demo_has_installed(checkout: Checkout) -> None:
    checkout.installed("demo")

    assert checkout.installed("test") == [WHOLE, "--no-deps -r requirements/stripe-spec.txt"]
    assert checkout.installed("check") == []


def test_what_drives_a_browser_is_installed_for_the_browser_alone(checkout: Checkout) -> None:
    checkout.installed("test")

    assert checkout.installed("browser") == [BROWSER]
    assert checkout.installed("browser") == []


def test_a_demo_after_the_tests_installs_nothing(checkout: Checkout) -> None:
    assert checkout.installed("test")[:2] == [SANDBOX, WHOLE]
    assert checkout.installed("demo") == []


def test_a_lock_that_was_renewed_is_installed_again(checkout: Checkout) -> None:
    checkout.installed("test")

    checkout.renew("dev.txt")
    assert WHOLE in checkout.installed("test")
    checkout.renew("sandbox.txt")
    assert checkout.installed("demo") == [SANDBOX]


@pytest.mark.parametrize("refused", ["-m venv", SANDBOX, "-e .", WHOLE, "requirements/stripe-spec.txt"])
def test_an_install_that_failed_is_tried_again(checkout: Checkout, refused: str) -> None:
    checkout.refuse(refused)
    assert checkout.make("install").returncode != 0

    checkout.allow_all()
    assert checkout.installed("install")


def test_an_install_says_what_it_takes_and_ends_with_what_to_do_next(checkout: Checkout) -> None:
    first, *_, last_but_one, last = checkout.make("install").stdout.strip().splitlines()

    assert "MB" in first
    assert "minute" in first
    assert "make test" in last_but_one
    assert "make browser" in last
    assert "make demo" in checkout.make("install").stdout, "also when nothing is left to install"

"""Has a process trust one certificate, of a receiver of events on this machine, in place of public authorities.

Nothing is changed by the import: `install` does, in the process that is to send there.
"""

import os
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
AUTHORITY = "CHAOS_AUTHORITY"
"""The variable with the certificate's file."""


def install() -> None:
    """Have HTTP clients of this process accept that certificate alone."""
    import certifi  # noqa: PLC0415 - only here

    certifi.where = lambda: os.environ[AUTHORITY]


def from_start(folder: Path) -> Mapping[str, str]:
    """The environment of a program that does so as soon as Python starts, by a module in *folder*."""
    (folder / "sitecustomize.py").write_text(f"from {__name__} import install\ninstall()\n")
    return {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}

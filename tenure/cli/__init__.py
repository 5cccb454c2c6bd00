"""The `tenure` command."""

import sys

from configuration.settings import SettingsError
from configuration.yaml_source import ConfigurationError
from cyclopts import App

from domain.errors import TenureError
from tenure.cli import embedded, files, production

app = App(name="tenure", help="Runs the life of every subscription.", version_flags=["--version"])
embedded.register(app)
files.register(app)
production.register(app)


def main() -> None:
    """Run the command line; expected failures are told in plain words and end with status 1."""
    try:
        app()
    except (SettingsError, ConfigurationError, TenureError) as error:
        print(f"tenure: {error}", file=sys.stderr)
        sys.exit(1)

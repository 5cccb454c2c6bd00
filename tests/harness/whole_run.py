"""Whether a run is one of all tests: only such a run proves that something is done by none of them."""

import pytest


def is_whole(config: pytest.Config, folder: str = "tests") -> bool:
    """Whether all tests of a folder are run."""
    option = config.option
    chosen = option.keyword or option.markexpr or getattr(option, "lf", False) or option.collectonly or option.deselect
    wanted = config.rootpath / folder
    named = [(config.invocation_params.dir / each).resolve() for each in config.args]
    return not chosen and any(wanted == each or each in wanted.parents for each in named)

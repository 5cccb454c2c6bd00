"""All code in `workflows/` replays, so it must not use Temporal's client or read any clock but the workflow's."""

import ast
from pathlib import Path

import pytest

import workflows

HERE = Path(workflows.__file__).parent
MODULES = {str(path.relative_to(HERE)): ast.parse(path.read_text()) for path in sorted(HERE.rglob("*.py"))}
"""Read before any worker runs: Python 3.11 can fail to parse while another thread compiles (CPython issue 106905)."""
CLOCKS = {("datetime", "now"), ("datetime", "utcnow"), ("date", "today"), ("time", "time"), ("time", "monotonic")}


def _imported(tree: ast.Module) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
    return found


@pytest.mark.parametrize("module", MODULES)
def test_a_workflow_module_uses_no_client_and_reads_no_clock(module: str) -> None:
    tree = MODULES[module]
    read = {
        (node.value.id, node.attr)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
    assert not {name for name in _imported(tree) if name.startswith("temporalio.client")}
    assert not read & CLOCKS

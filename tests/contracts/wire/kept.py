"""The file of names on the wire: how it is written, and what has become of the names in it."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

FILE = Path(__file__).parents[1] / "wire_names.json"
RECORDED = "recorded"
"""Of what tests have put on the wire (`tests/harness/wire_record.py`); all else is read from the code."""
WIDTH = 110


def written(names: Any) -> str:
    """The file with these names: in an order of their own, as much to a line as one holds."""
    return _written(names) + "\n"


def _written(names: Any, indent: str = "") -> str:
    line = json.dumps(names, sort_keys=True, ensure_ascii=False)
    if not names or not isinstance(names, dict | list) or len(indent) + len(line) <= WIDTH:
        return line
    deeper = f"{indent}  "
    if isinstance(names, dict):
        parts = [f"{json.dumps(name, ensure_ascii=False)}: {_written(names[name], deeper)}" for name in sorted(names)]
        return f"{{\n{deeper}" + f",\n{deeper}".join(parts) + f"\n{indent}}}"
    return f"[\n{deeper}" + f",\n{deeper}".join(_written(each, deeper) for each in names) + f"\n{indent}]"


def leaves(names: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Each name with the way to it; of a list of words each is one."""
    if isinstance(names, Mapping):
        for name, below in names.items():
            yield from leaves(below, f"{path} > {name}" if path else name)
        if not names:
            yield path, "{}"
    elif isinstance(names, list) and all(isinstance(each, str) for each in names):
        yield from ((f"{path} > {each}", "") for each in names)
    elif isinstance(names, list):
        for number, each in enumerate(names, start=1):
            yield from leaves(each, f"{path} > {number}.")
    else:
        yield path, str(names)


def differences(kept: Any, now: Any) -> list[str]:
    """What has become of the names that are kept, in a sentence each: breaks first."""
    before, after = dict(leaves(kept)), dict(leaves(now))
    gone = sorted(before.keys() - after.keys())
    changed = sorted(path for path in before.keys() & after.keys() if before[path] != after[path])
    new = sorted(after.keys() - before.keys())
    return [
        *(f"BREAK, gone from the wire: {path}" for path in gone),
        *(f"BREAK, changed on the wire: {path}: was {before[path]}, is {after[path]}" for path in changed),
        *(f"new on the wire: {path}" for path in new),
    ]

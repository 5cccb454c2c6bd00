"""Puts together what the site of the documents is made from: `python -m tests.docs.site_source FOLDER`.

That is the pages, and whatever of the repository they lead to, each file where it lies there: links need no change.
"""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.docs.links import local_links

ROOT = Path(__file__).parents[2]
FIRST = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "llms.txt", "docs")


def sources() -> dict[Path, str | None]:
    """Every file of the site by its path in the repository, and what is in it; None: as it is there."""
    found: dict[Path, str | None] = {}
    left = [ROOT / name for name in FIRST]
    while left:
        path = left.pop()
        name = path.relative_to(ROOT)
        if name in found:
            continue
        if path.is_dir():
            left += sorted(each for each in path.iterdir() if each.is_file() or path == ROOT / "docs")
            if name.parts[0] != "docs" or name.name == "decisions":
                found |= dict(_index(path))
            continue
        found[name] = None
        if path.suffix == ".md":
            left += [(path.parent / link).resolve() for link in local_links(path)]
    return found


def _index(folder: Path) -> Iterator[tuple[Path, str]]:
    """A page that lists a folder, unless it has one."""
    if (folder / "README.md").exists():
        return
    files = sorted(each for each in folder.iterdir() if each.is_file() and not each.name.startswith(("_", ".")))
    lines = [f"- [{_title(each)}]({each.name})" for each in files]
    yield folder.relative_to(ROOT) / "index.md", "\n".join([f"# {folder.name.capitalize()}", "", *lines, ""])


def _title(file: Path) -> str:
    return file.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ") if file.suffix == ".md" else file.name


def write(folder: Path) -> None:
    """Write the site's source into a folder, in place of what is there."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, text in sources().items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            shutil.copyfile(ROOT / name, target)
        else:
            target.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))

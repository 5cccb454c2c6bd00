"""Reads a YAML file with line numbers, so that every error can name its line."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from domain.errors import TenureError

Tree = None | bool | int | Decimal | str | list["Tree"] | dict[str, "Tree"]
"""A file's values. A number with a decimal point is a Decimal, never read through a float."""
Place = tuple[str | int, ...]
"""Where in the file: keys, and numbers of list entries."""

_TAG = "tag:yaml.org,2002:"
_KINDS = frozenset(_TAG + kind for kind in ("null", "bool", "int", "float", "str", "timestamp", "map", "seq"))
_BASES = {"0x": 16, "0o": 8, "0b": 2}


@dataclass(frozen=True)
class Problem:
    """One error in a file."""

    place: Place
    message: str
    at_key: bool = False
    """True if the error is about the key, not its value."""
    line: int | None = None
    """Set if the place alone does not determine it."""


class ConfigurationError(TenureError):
    """An invalid file; the message has one line, `path:line: where: message`, for each error."""

    code = "configuration_error"


@dataclass(frozen=True)
class Source:
    """A file's values, and the line of each."""

    path: Path
    tree: Tree
    keys: Mapping[Place, int]
    values: Mapping[Place, int]
    problems: tuple[Problem, ...] = ()
    """Errors of the file as such, like duplicate keys."""

    def error(self, problems: Iterable[Problem]) -> ConfigurationError:
        """All errors, in the order of the file."""
        known = {one.place for one in self.problems}
        news = (one for one in problems if one.place not in known)
        found = {(self._line(one), _written(one.place), one.message) for one in (*self.problems, *news)}
        lines = [
            ": ".join(part for part in (f"{self.path}:{line}", where, message) if part)
            for line, where, message in sorted(found)
        ]
        return ConfigurationError("\n".join(lines))

    def _line(self, problem: Problem) -> int:
        if problem.line is not None:
            return problem.line
        place = problem.place
        if not problem.at_key and place in self.values:
            return self.values[place]
        # A missing key is reported where it should have been: at the nearest key around it.
        return next((self.keys[place[:size]] for size in range(len(place), 0, -1) if place[:size] in self.keys), 1)


def read(path: Path) -> Source:
    """Read a file's values with their lines.

    Raises:
        ConfigurationError: the file cannot be read, or is not YAML.
    """
    text = _text(path)
    try:
        _refuse_what_misleads(path, text)
        root = YAML().compose(text)
        if root is not None:
            return _Reading().source(path, root)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = ", ".join(words for words in (error.context, error.problem) if words)
        raise ConfigurationError(f"{path}:{mark.line + 1 if mark else 1}: this is not YAML: {message}") from None
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ConfigurationError(
            f"{path}:{line}: this is not YAML: the character U+{ord(text[error.position]):04X} is not allowed"
        ) from None
    except YAMLError as error:
        raise ConfigurationError(f"{path}:1: this is not YAML: {error}") from None
    except RecursionError:
        raise ConfigurationError(f"{path}:1: the file is nested too deeply") from None
    raise ConfigurationError(f"{path}:1: the file is empty")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigurationError(f"{path}: file not found") from None
    except IsADirectoryError:
        raise ConfigurationError(f"{path}: this is a folder; name a file in it") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(f"{path}:{line}: the file is not UTF-8: save it as UTF-8") from None
    except OSError as error:
        raise ConfigurationError(f"{path}: the file cannot be read: {error.strerror or error}") from None


def _refuse_what_misleads(path: Path, text: str) -> None:
    for event in YAML().parse(text):
        line = event.start_mark.line + 1
        # In older versions 09:00 is a number, and `no` a boolean.
        if getattr(event, "version", None) not in (None, (1, 2)):
            raise ConfigurationError(f"{path}:{line}: this is not YAML 1.2: remove the %YAML line above")
        # With anchors a value has two lines, and a small file can expand beyond all memory.
        name = getattr(event, "anchor", None)
        if name is not None:
            raise ConfigurationError(
                f"{path}:{line}: anchors and aliases ({name!r}) are not allowed: write the values out"
            )


def _written(place: Place) -> str:
    return ".".join(str(part) for part in place)


class _Reading:
    """Walks through a file's nodes."""

    def __init__(self) -> None:
        self._keys: dict[Place, int] = {}
        self._values: dict[Place, int] = {}
        self._problems: list[Problem] = []

    def source(self, path: Path, root: Node) -> Source:
        tree = self._tree(root, ())
        return Source(path, tree, self._keys, self._values, tuple(self._problems))

    def _tree(self, node: Node, place: Place) -> Tree:
        if str(node.tag) not in _KINDS:
            self._problems.append(Problem(place, f"tags like {node.tag} are not allowed", line=_line(node)))
        if isinstance(node, MappingNode):
            return dict(self._entries(node, place))
        if isinstance(node, SequenceNode):
            return [self._item(item, (*place, number)) for number, item in enumerate(node.value)]
        value = _scalar(node)
        if value is None:
            # The parser places an empty value at the start of the next one: the key's line is better.
            self._problems.append(Problem(place, "is empty: give it a value, or remove it"))
        else:
            self._values[place] = _line(node)
        return value

    def _item(self, node: Node, place: Place) -> Tree:
        self._keys[place] = _line(node)
        return self._tree(node, place)

    def _entries(self, node: MappingNode, place: Place) -> Iterator[tuple[str, Tree]]:
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                self._problems.append(Problem(place, "a key must be a single word", line=_line(key)))
                continue
            inner = (*place, str(key.value))
            if inner in self._keys:
                first = self._keys[inner]
                message = f"the key is listed twice; the first is on line {first}"
                self._problems.append(Problem(inner, message, line=_line(key)))
                continue
            self._keys[inner] = _line(key)
            yield str(key.value), self._tree(value, inner)


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1


def _scalar(node: Node) -> Tree:
    kind, text = str(node.tag).removeprefix(_TAG), str(node.value)
    if isinstance(node, ScalarNode) and node.style == ">":
        # The parser marks where it has folded lines, by a character that no file may contain.
        text = text.replace("\a", "")
    match kind:
        case "null":
            return None
        case "bool":
            return text.lower() == "true"
        case "int":
            return _whole(text)
        case "float":
            return _decimal(text)
    return text


def _whole(text: str) -> int | str:
    digits = text.replace("_", "")
    try:
        return int(digits, _BASES.get(digits.lstrip("+-")[:2].lower(), 10))
    except ValueError:
        return text


def _decimal(text: str) -> Decimal | str:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    return number if number.is_finite() else text

"""Reads a page's HTML, and finds what must not be in it or is missing."""

from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser

VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"})
NAMED = frozenset({"a", "button", "summary"})
"""Elements that say in words what they do."""

Attributes = dict[str, str]


class Markup(HTMLParser):
    """The elements of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.elements: list[tuple[str, Attributes]] = []
        self.faults: list[str] = []
        self._open: list[tuple[str, int]] = []
        self._words: list[str] = []
        """All that the page says. An element says what lies between its places here."""
        self._places: dict[int, tuple[int, int | None]] = {}
        self.feed(html)
        self.close()
        self.faults += [f"<{tag}> is never closed" for tag, _ in self._open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        if len(set(names)) != len(names):
            self.faults.append(f"<{tag}> has an attribute twice: {names}")
        given = {name: value or "" for name, value in attrs}
        self.elements.append((tag, given))
        number = len(self.elements) - 1
        self._words.append(given.get("alt", ""))
        place = len(self._words)
        self._places[number] = place, place if tag in VOID else None
        if tag not in VOID:
            self._open.append((tag, number))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open[-1][0] != tag:
            self.faults.append(f"</{tag}> closes {self._open[-1:]}")
        else:
            _, number = self._open.pop()
            self._places[number] = self._places[number][0], len(self._words)

    def handle_data(self, data: str) -> None:
        self._words.append(data)

    def text(self, number: int) -> str:
        """What an element says, by its number."""
        begin, end = self._places.get(number, (0, 0))
        return self.elements[number][1].get("aria-label", "") + "".join(self._words[begin:end])

    def all(self, tag: str) -> list[Attributes]:
        return [given for name, given in self.elements if name == tag]

    def said(self, tag: str) -> list[str]:
        """What each element of this kind says."""
        return [" ".join(self.text(number).split()) for number, (name, _) in enumerate(self.elements) if name == tag]


def faults(html: str) -> list[str]:
    """What is wrong with a page: broken markup, scripts or styles of its own, and what readers of screens miss."""
    page = Markup(html)
    return [*page.faults, *_own_code(page), *_outline(page), *_names(page), *_ids(page)]


def _own_code(page: Markup) -> Iterator[str]:
    for tag, given in page.elements:
        for name, value in given.items():
            if name == "style" or name.startswith("on"):
                yield f"<{tag} {name}>"
            if name in ("href", "src", "action") and value.lower().startswith(("javascript:", "data:", "//")):
                yield f"<{tag} {name}={value!r}>"
    if page.all("style"):
        yield "<style>"
    yield from ("a script in the page" for given in page.all("script") if "src" not in given)


def _outline(page: Markup) -> Iterator[str]:
    (html,) = page.all("html")
    if not html.get("lang"):
        yield "no lang"
    if len(page.said("title")) < 1 or not page.said("title")[0]:
        yield "no title"
    if len(page.all("main")) != 1:
        yield f"{len(page.all('main'))} <main>"
    levels = [int(tag[1]) for tag, _ in page.elements if tag in ("h1", "h2", "h3", "h4")]
    if levels.count(1) != 1:
        yield f"{levels.count(1)} <h1>"
    yield from (
        f"h{after} after h{before}" for before, after in zip([0, *levels], levels, strict=False) if after > before + 1
    )


def _names(page: Markup) -> Iterator[str]:
    labelled = {given["for"] for given in page.all("label") if "for" in given}
    for number, (tag, given) in enumerate(page.elements):
        if tag in NAMED and not page.text(number).strip():
            yield f"<{tag} {given}> says nothing"
        if tag in ("input", "textarea", "select", "progress") and given.get("type") != "hidden":
            has_name = given.get("id") in labelled or given.get("aria-label") or _in_label(page, number)
            if not has_name:
                yield f"<{tag} {given}> has no label"
        if tag == "img" and "alt" not in given:
            yield "an image without words"


def _in_label(page: Markup, number: int) -> bool:
    """True if the element follows a label that is not for another field: it is inside it."""
    for tag, given in reversed(page.elements[:number]):
        if tag in ("label", "input", "textarea", "select"):
            return "for" not in given and "name" not in given
    return False


def _ids(page: Markup) -> Iterator[str]:
    ids = [given["id"] for _, given in page.elements if "id" in given]
    yield from {f"id {one!r} twice" for one, times in Counter(ids).items() if times > 1}
    known = set(ids)
    for tag, given in page.elements:
        named = [*given.get("aria-describedby", "").split(), *given.get("aria-labelledby", "").split()]
        named += [given["for"]] if "for" in given else []
        if tag == "a" and given.get("href", "").startswith("#"):
            named.append(given["href"][1:])
        yield from (f"<{tag}> names #{one}, which is not there" for one in named if one not in known)

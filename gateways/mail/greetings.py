"""Decides whether what customers call themselves is a name to greet them with."""

import re
import unicodedata

from domain.formatting import one_line

NAME_LIMIT = 60
TITLES = frozenset(
    {
        *(
            "abb",
            "adm",
            "brig",
            "capt",
            "cdr",
            "col",
            "dipl",
            "doc",
            "dott",
            "dr",
            "dra",
            "drs",
            "drin",
            "eng",
            "fr",
            "frl",
        ),
        *(
            "gen",
            "gob",
            "hon",
            "hr",
            "ing",
            "ir",
            "jr",
            "kpt",
            "lic",
            "lt",
            "ltn",
            "ma",
            "mag",
            "maj",
            "mgr",
            "mlle",
            "mme",
        ),
        *(
            "mr",
            "mrs",
            "ms",
            "mt",
            "mx",
            "ph",
            "pr",
            "prof",
            "rev",
            "sen",
            "sgt",
            "sir",
            "snr",
            "sr",
            "sra",
            "srta",
            "st",
        ),
        *("sta", "ste", "sto", "wm"),
    }
)
"""What precedes a dot and a name without a space between them, besides initials."""
ALWAYS_DOMAINS = frozenset({"com", "net", "org"})
DOMAINS = ALWAYS_DOMAINS | {
    *("agency", "app", "art", "biz", "blog", "bond", "buzz", "cam", "center", "cfd", "chat", "click", "cloud", "club"),
    *(
        "company",
        "cyou",
        "dev",
        "digital",
        "edu",
        "email",
        "example",
        "finance",
        "fun",
        "games",
        "global",
        "gov",
        "group",
    ),
    *("host", "icu", "info", "int", "invalid", "jobs", "life", "link", "live", "local", "localhost", "loan", "lol"),
    *("media", "mil", "mobi", "mom", "money", "monster", "name", "network", "news", "one", "online", "onion", "page"),
    *(
        "plus",
        "press",
        "pro",
        "pub",
        "quest",
        "rest",
        "review",
        "rocks",
        "run",
        "sale",
        "sbs",
        "services",
        "shop",
        "site",
    ),
    *(
        "social",
        "solutions",
        "space",
        "store",
        "stream",
        "studio",
        "support",
        "systems",
        "team",
        "tech",
        "test",
        "today",
    ),
    *("tools", "top", "travel", "trade", "vip", "website", "wiki", "win", "work", "world", "xxx", "xyz", "zip", "zone"),
    *("рф", "онлайн", "сайт", "中国", "公司", "网址", "网店", "在线"),
}
"""Domain endings that mail clients turn into links, besides the two-letter ones of countries."""

_ADDRESS = re.compile(r"://|@|\bwww\.|\b\d+(\.\d+){3}\b", re.IGNORECASE)
_WITH_DOTS = re.compile(r"[\w'’-]+(?:\.[\w'’-]+)*\.\w[\w'’-]+")
_DOTS = str.maketrans("。．｡․", "....")


def greeting_name(name: str | None) -> str:
    """Returns the name to greet with; empty if it contains a link rather than a name."""
    line = one_line(name or "", NAME_LIMIT)
    # As mail clients read it: invisible characters do not stop them from making a link.
    seen = "".join(letter for letter in line.translate(_DOTS) if unicodedata.category(letter) != "Cf")
    return "" if _contains_link(unicodedata.normalize("NFKC", seen)) else line


def _contains_link(text: str) -> bool:
    if _ADDRESS.search(text):
        return True
    return any(_is_host(found[0], text[found.end() :]) for found in _WITH_DOTS.finditer(text))


def _is_host(text: str, what_follows: str) -> bool:
    """Tells "evil.example" and "Evil.Com" from "J.Smith", "Dr.Müller" and "St.John"."""
    *before, last = text.split(".")
    ending = last.lower()
    if ending in ALWAYS_DOMAINS or any(piece[:1].isdigit() for piece in (*before, last)):
        return True
    is_end_of_host = ending in DOMAINS or ending.startswith("xn--") or (len(ending) == 2 and ending.isascii())
    is_of_name = all(len(piece) == 1 or piece.lower() in TITLES for piece in before)
    if is_of_name and not last[0].islower():
        return is_end_of_host and re.match(r"[/?#]|:\d", what_follows) is not None
    return is_end_of_host or (last[0].islower() and not is_of_name)

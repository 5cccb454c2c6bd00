"""Database URLs as operators write them, and what asyncpg is told of them."""

from typing import Final
from urllib.parse import urlencode

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

SCHEMES: Final = ("postgresql+asyncpg", "postgresql", "postgres")
ARGUMENTS: Final = frozenset({"host", "port", "user", "password", "passfile", "target_session_attrs"})
"""Parameters that asyncpg takes as arguments of the same name."""
LEFT_OUT: Final = frozenset({"channel_binding", "gssencmode", "connect_timeout"})
"""Parameters that asyncpg knows nothing of. The first two are only preferences; the last is an argument of its own."""


def async_url(url: str) -> str:
    """The URL with asyncpg as its driver.

    SQLAlchemy makes arguments of the parameters. Most of them asyncpg understands in a URL of its own alone: it gets
    one with nothing else in it.

    Raises:
        ValueError: it is not a PostgreSQL URL.
    """
    if url.partition("://")[0] not in SCHEMES:
        raise ValueError("a database URL starts with postgresql://")
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ValueError("a database URL has the form postgresql://user:password@host:port/database") from None
    arguments = {name: value for name, value in parsed.query.items() if name in ARGUMENTS | {"dsn"}}
    others = {
        "sslmode" if name == "ssl" else name: value
        for name, value in parsed.query.items()
        if name not in arguments and name not in LEFT_OUT
    }
    if others:
        arguments["dsn"] = f"postgresql://?{urlencode(others, doseq=True)}"
    return parsed.set(drivername=SCHEMES[0], query=arguments).render_as_string(hide_password=False)


def connect_timeout(url: str) -> dict[str, float]:
    """How many seconds connecting may take as the URL has it, as an argument for asyncpg; empty: it says nothing."""
    given = make_url(url).query.get("connect_timeout")
    return {"timeout": float(given)} if isinstance(given, str) else {}

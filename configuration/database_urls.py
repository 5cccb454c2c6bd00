"""The address of PostgreSQL: what cannot be carried out is refused before anything connects.

No message contains a secret. What becomes of the parameters is in `storage.db.urls`.
"""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, parse_qsl, urlsplit

FORM: Final = "postgresql://user:password@host:5432/tenure"
SCHEMES: Final = ("postgresql", "postgresql+asyncpg", "postgres")
SSL_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
VERIFYING: Final = ("verify-ca", "verify-full")
ENCRYPTING: Final = ("require", *VERIFYING)
SESSIONS: Final = ("any", "primary", "standby", "read-write", "read-only", "prefer-standby")
LONGEST_CONNECT: Final = 600
"""Seconds."""
AUTHORITIES: Final = "/etc/ssl/certs/ca-certificates.crt"
_NAME: Final = re.compile(r"[A-Za-z_]{1,40}")
_ESCAPES: Final = "%40 for @, %2F for /, %3F for ?, %23 for # and %5B for [ in the password"


def check_database_url(url: str) -> None:
    """Refuse an address that asyncpg could not connect to.

    Raises:
        ValueError: says what to write instead.
    """
    scheme, has_scheme, rest = url.partition("://")
    if not has_scheme or scheme not in SCHEMES:
        raise ValueError("must begin with postgresql://")
    parts = _parts(f"postgresql://{rest}")
    if not parts.path.strip("/"):
        raise ValueError(f"must name a database: {FORM}")
    _check_parameters(parts.query)


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError(f"must be {FORM}, with {_ESCAPES}") from None
    user, _, host = parts.netloc.rpartition("@")
    # A sign that is not escaped ends the password early, and what follows of it is taken for something else.
    if "@" in user or parts.fragment or (not user and "@" in url):
        raise ValueError(f"must be {FORM}, with {_ESCAPES}")
    if "," in host:
        raise ValueError("must name several hosts as postgresql://user:password@/tenure?host=a,b&port=5432,5432")
    _, colon, port = host.rpartition(":") if not host.endswith("]") else ("", "", "")
    if colon and not port.isdecimal():
        raise ValueError(f"must be {FORM}, with {_ESCAPES}")
    if colon and not _is_port(port):
        raise ValueError(f"must have a port from 1 to 65535: {FORM}")
    return parts


def _is_port(text: str) -> bool:
    return re.fullmatch("[0-9]{1,5}", text) is not None and 0 < int(text) < 65536


def _check_parameters(query: str) -> None:
    given: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in _PARAMETERS:
            raise ValueError(_unknown(name))
        if name in given:
            raise ValueError(f"has the parameter {name} twice")
        if not value:
            raise ValueError(f"has an empty parameter {name}: give it a value, or leave it out")
        given[name] = value
    for name, value in given.items():
        _PARAMETERS[name](value)
    _check_hosts(given)
    _check_encryption(given)


def _unknown(name: str) -> str:
    if name in _INSTEAD:
        return f"has a parameter {name}, which is not possible: {_INSTEAD[name]}"
    shown = f"a parameter {name}" if _NAME.fullmatch(name) else "a parameter"
    return f"has {shown} that is not known: leave it out; known are {', '.join(_PARAMETERS)}"


def _check_hosts(given: Mapping[str, str]) -> None:
    hosts, ports = given.get("host", "").split(","), given.get("port", "").split(",")
    if "port" in given and not all(_is_port(port) for port in ports):
        raise ValueError("must have ports from 1 to 65535 in its parameter port")
    if len(hosts) != len(ports) and max(len(hosts), len(ports)) > 1:
        raise ValueError("must have as many ports as hosts in its parameters: host=a,b&port=5432,5432")


def _check_encryption(given: Mapping[str, str]) -> None:
    if "ssl" in given and "sslmode" in given:
        raise ValueError("has both ssl and sslmode: leave ssl out")
    mode = given.get("sslmode", given.get("ssl", ""))
    if mode in VERIFYING and "sslrootcert" not in given and not _has_authorities():
        raise ValueError(f"has sslmode={mode}, which needs sslrootcert too, such as sslrootcert={AUTHORITIES}")
    if "sslrootcert" in given and mode not in ENCRYPTING:
        raise ValueError("has sslrootcert, which is used with sslmode=verify-full alone: add that")
    if "sslkey" in given and "sslcert" not in given:
        raise ValueError("has sslkey, which needs sslcert too: the client's certificate")
    if given.get("sslnegotiation") == "direct" and mode not in ENCRYPTING:
        raise ValueError("has sslnegotiation=direct, which needs sslmode=require or verify-full")


def _has_authorities() -> bool:
    """True if the driver has certificates to verify the server with where it looks for them by itself."""
    try:
        return bool(os.environ.get("PGSSLROOTCERT")) or (Path.home() / ".postgresql" / "root.crt").exists()
    except (OSError, RuntimeError):  # no folder of the user's own
        return False


# The parameters


def _any(_value: str) -> None:
    pass


def _one_of(name: str, *values: str) -> Callable[[str], None]:
    def check(value: str) -> None:
        if value not in values:
            raise ValueError(f"has a parameter {name} that must be one of {', '.join(values)}")

    return check


def _readable(name: str) -> Callable[[str], None]:
    def check(value: str) -> None:
        if name == "sslrootcert" and value == "system":
            raise ValueError(f"has sslrootcert=system, which is not possible: name the file, such as {AUTHORITIES}")
        try:
            Path(value).open("rb").close()
        except OSError as error:
            raise ValueError(f"has a parameter {name} with a file that cannot be read: {error.strerror}") from None

    return check


def _seconds(value: str) -> None:
    if re.fullmatch("[0-9]{1,3}", value) is None or not 0 < int(value) <= LONGEST_CONNECT:
        raise ValueError(f"has a parameter connect_timeout that must be from 1 to {LONGEST_CONNECT} seconds")


def _optional(name: str, instead: str) -> Callable[[str], None]:
    """What the driver lacks, and does without if it may."""

    def check(value: str) -> None:
        if value == "require":
            raise ValueError(f"has {name}=require, which the driver cannot do: {instead}")
        _one_of(name, "disable", "prefer")(value)

    return check


_PARAMETERS: Final[Mapping[str, Callable[[str], None]]] = {
    "sslmode": _one_of("sslmode", *SSL_MODES),
    "ssl": _one_of("ssl", *SSL_MODES),
    "sslrootcert": _readable("sslrootcert"),
    "sslcert": _readable("sslcert"),
    "sslkey": _readable("sslkey"),
    "sslnegotiation": _one_of("sslnegotiation", "postgres", "direct"),
    "channel_binding": _optional(
        "channel_binding",
        f"leave it out, and have the server verified by sslmode=verify-full&sslrootcert={AUTHORITIES}",
    ),
    "gssencmode": _optional("gssencmode", "leave it out, and have the connection encrypted by sslmode=verify-full"),
    "application_name": _any,
    "options": _any,
    "connect_timeout": _seconds,
    "target_session_attrs": _one_of("target_session_attrs", *SESSIONS),
    "host": _any,
    "port": _any,
    "user": _any,
    "password": _any,
    "passfile": _readable("passfile"),
}
_POOLER: Final = "leave it out, and set TENURE_DATABASE_POOLER=transaction behind a pooler in transaction mode"
_INSTEAD: Final = {
    "pgbouncer": _POOLER,
    "prepared_statement_cache_size": _POOLER,
    "statement_cache_size": _POOLER,
    "dbname": f"name the database in the path, as in {FORM}",
    "database": f"name the database in the path, as in {FORM}",
    "pool_size": "leave it out, and set TENURE_DATABASE_POOL",
    "connection_limit": "leave it out, and set TENURE_DATABASE_POOL",
    "sslpassword": "use a key without a password",
    "schema": "write options=-csearch_path%3Dschema",
    "search_path": "write options=-csearch_path%3Dschema",
}

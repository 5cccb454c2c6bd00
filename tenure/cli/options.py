"""Options that several commands have, and how their values are checked."""

from typing import Annotated, Final

from cyclopts import Parameter

from domain.errors import Malformed

LONGEST: Final = 200
HIGHEST_PORT: Final = 65_535

AsJson = Annotated[bool, Parameter(name="--json", negative="")]


def one_line(text: str, field: str) -> str:
    """Return a name or the like, without spaces around it.

    Raises:
        Malformed: it is too long, or not one line of printable characters.
    """
    text = text.strip()
    if not text.isprintable() or len(text) > LONGEST:
        raise Malformed(f"this must be one line of at most {LONGEST} characters", field=field)
    return text


def check_port(port: int) -> None:
    """Check a port to listen at.

    Raises:
        Malformed: there is no such port.
    """
    if not 0 <= port <= HIGHEST_PORT:
        raise Malformed(f"a port is 1 to {HIGHEST_PORT}, or 0 for a free one, not {port}", field="port")


def tenant_named(text: str) -> str:
    """Return the tenant that an option names.

    Raises:
        Malformed: it names none.
    """
    tenant = one_line(text, "tenant")
    if not tenant:
        raise Malformed("name a tenant, or leave the option out", field="tenant")
    return tenant

"""The sections of the console."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from storage.access.api_keys import Role
from storage.access.console_sessions import CONSOLE_ROLES


@dataclass(frozen=True)
class Section:
    """A section, with the page that it begins with."""

    path: str
    title: str
    roles: Sequence[Role] = CONSOLE_ROLES
    """Who sees it."""

    def has(self, path: str) -> bool:
        """True if a page belongs to it."""
        return path == self.path or (self.path != HOME and path.startswith(f"{self.path}/"))


HOME: Final = "/console"
SECTIONS: Final = (
    Section(HOME, "Inbox"),
    Section("/console/subscriptions", "Subscriptions"),
    Section("/console/customers", "Customers"),
    Section("/console/numbers", "Numbers"),
    Section("/console/audit", "Audit"),
    Section("/console/operators", "Operators", (Role.ADMIN,)),
)


def sections_for(role: Role) -> Sequence[Section]:
    """Return the sections that somebody with a role sees."""
    return [section for section in SECTIONS if role in section.roles]

"""The sections of the console."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from domain.names import DEFAULT_TENANT
from storage.access.api_keys import Role
from storage.access.console_sessions import CONSOLE_ROLES


@dataclass(frozen=True)
class Section:
    """A section, with the page that it begins with."""

    path: str
    title: str
    roles: Sequence[Role] = CONSOLE_ROLES
    """Who sees it."""
    is_of_installation: bool = False
    """It concerns every tenant, and is for operators of tenant `default`."""

    def has(self, path: str) -> bool:
        """True if a page belongs to it."""
        return path == self.path or (self.path != HOME and path.startswith(f"{self.path}/"))


HOME: Final = "/console"
SECTIONS: Final = (
    Section(HOME, "Inbox"),
    Section("/console/subscriptions", "Subscriptions"),
    Section("/console/customers", "Customers"),
    Section("/console/numbers", "Numbers"),
    Section("/console/bulk", "Bulk"),
    Section("/console/webhooks", "Webhooks"),
    Section("/console/endpoints", "Endpoints", (Role.OPERATOR, Role.ADMIN)),
    Section("/console/reconciliation", "Reconciliation"),
    Section("/console/schedules", "Schedules", is_of_installation=True),
    Section("/console/mails", "Mails"),
    Section("/console/system", "System", is_of_installation=True),
    Section("/console/audit", "Audit"),
    Section("/console/operators", "Operators", (Role.ADMIN,)),
)


def sections_for(role: Role, tenant: str) -> Sequence[Section]:
    """Return the sections that somebody with a role sees."""
    is_of_default = tenant == DEFAULT_TENANT
    return [one for one in SECTIONS if role in one.roles and (is_of_default or not one.is_of_installation)]

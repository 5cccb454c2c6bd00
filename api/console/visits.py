"""A visit to the console: who it is, what they may do, and the pages they see."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from fastapi import Response
from fastapi.responses import RedirectResponse

from api.console.navigation import sections_for
from api.http.auth import Caller, CallerKind, require_installation, require_role
from api.http.dependencies import AppDependencies, Repositories
from api.http.request_context import current_request
from api.subscriptions.command_context import CommandContext
from api.web.forms import CSRF
from api.web.pages import Pages
from api.web.readers import Reader
from domain.audit import AuditedCommand, AuditOutcome, AuditTarget
from domain.errors import Rejected
from domain.subscription.command_keys import hashed
from services.audit import Asked, audited
from storage.access.api_keys import Role
from storage.access.audit import SUBSCRIPTION
from storage.access.console_sessions import ConsoleSession
from storage.access.web_sessions import WebRole

KEY: Final = "key"
"""The hidden field that makes a form one command, however often it is sent."""
LONGEST_KEY: Final = 100


@dataclass(frozen=True)
class Visit:
    """Who visits, and what pages are made from."""

    dependencies: AppDependencies
    repositories: Repositories
    pages: Pages
    reader: Reader
    session: ConsoleSession
    path: str
    """The page at hand, below the API's root."""

    @property
    def tenant(self) -> str:
        return self.session.tenant

    @property
    def caller(self) -> Caller:
        """The visitor, as the caller of commands."""
        kind = CallerKind.OPERATOR if self.session.kind is WebRole.OPERATOR else CallerKind.KEY
        return Caller(self.session.subject, self.session.tenant, self.session.role, self.session.name, kind)

    def may(self, *roles: Role) -> bool:
        """True if the visitor has one of these roles: pages show what it opens."""
        return self.session.role in roles

    async def require(
        self, action: str, *roles: Role, target: AuditTarget | None = None, is_of_installation: bool = False
    ) -> None:
        """Require one of *roles* for an action, by its id in OpenAPI. A refusal is noted in the audit.

        With *is_of_installation* it concerns every tenant, and is for operators of tenant `default`.

        Raises:
            Rejected: code `forbidden`.
        """
        try:
            require_role(self.caller, *roles)
            if is_of_installation:
                require_installation(self.caller)
        except Rejected as error:
            command = self._command(action, target or AuditTarget(), "", "")
            await self.repositories.audit.note(command, AuditOutcome.REFUSED, error.code)
            raise

    @asynccontextmanager
    async def command(
        self, action: str, fields: Mapping[str, str], *, target: AuditTarget, reason: str = ""
    ) -> AsyncIterator["Command"]:
        """Yield what carries a form out: the command is noted in the audit before the block, its outcome after it.

        A form that is sent twice has the same key, under which everything acts once. Check the role before, by
        `require`.

        Args:
            action: the operation's id, as in OpenAPI.
            fields: the form.
            target: what is acted on.
            reason: in the operator's words. The audit keeps it; workflows get a reference.

        Raises:
            Rejected: code `bad_form`; the form has no key.
            GatewayUnavailable: it cannot be noted, and was not done.

        """
        key = self.key_of(action, fields)
        async with audited(self.repositories.audit, self._command(action, target, key, reason)) as asked:
            context = CommandContext(self.dependencies, self.repositories, self.caller, key, "", asked.reference)
            yield Command(context, asked)

    def key_of(self, action: str, fields: Mapping[str, str]) -> str:
        """Return the key of the command that a form stands for.

        Raises:
            Rejected: code `bad_form`; the form has none.
        """
        given = fields.get(KEY, "")
        if not 16 <= len(given) <= LONGEST_KEY:
            raise Rejected("this form is not complete: open its page again", code="bad_form")
        return hashed(f"{self.session.subject}/{action}/{given}")

    def of_subscription(self, subscription_id: str) -> AuditTarget:
        """Return a subscription as the target of a command."""
        return AuditTarget(SUBSCRIPTION, subscription_id)

    def page(self, template: str, *, status: int = 200, **context: Any) -> Response:
        """Return a page of the console, `templates/pages/console/<template>`.

        Beside *context*, it knows the visit, the sections of the navigation, `hidden` (the session's token, for every
        form), and `at`, which makes an address of a path below the API's root.
        """
        shown: dict[str, Any] = {
            "visit": self,
            "sections": sections_for(self.session.role, self.tenant),
            "here": self.path,
            "hidden": {CSRF: self.session.csrf},
            "at": self.at,
            "read_moment": datetime.fromisoformat,
            "errors": {},
            "problem": "",
        }
        return self.pages.page(f"console/{template}", self.reader, status=status, **shown | context)

    def at(self, path: str) -> str:
        """Return the address of a page by its path, as "/console/audit"."""
        return f"{self.pages.root}{path}"

    def to(self, path: str) -> Response:
        """Send the browser to a page by GET, after a form was carried out."""
        return RedirectResponse(self.at(path), status_code=303, headers={"Cache-Control": "no-store"})

    def _command(self, action: str, target: AuditTarget, key: str, reason: str) -> AuditedCommand:
        request = current_request().request_id
        return AuditedCommand(self.tenant, self.session.actor, action, target, request, key, reason.strip())


@dataclass
class Command:
    """A command of a form that is noted, and under way."""

    context: CommandContext
    _asked: Asked

    @property
    def key(self) -> str:
        """Identifies the command, the same if its form is sent again."""
        return self.context.key

    def note(self, what: Mapping[str, object]) -> None:
        """Keep in the audit what the command has done, beside the target's own state after it."""
        self._asked.noted.update(what)

    def made(self, target: str) -> None:
        """Tell the audit what the command was about, if only it shows that."""
        self._asked.target = target

"""A customer's visit to a page: by a session, or by a link in a mail."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from fastapi import Response
from fastapi.responses import RedirectResponse

from api.http.auth import Caller
from api.http.dependencies import AppDependencies, Repositories
from api.http.request_context import current_request
from api.subscriptions.command_context import CommandContext
from api.web.forms import CSRF
from api.web.pages import Pages
from api.web.readers import Reader
from domain.audit import Actor, ActorKind, AuditedCommand, AuditTarget
from domain.billing_flows import BillingFlow
from domain.catalog.presentation import Presentation, WordsInLanguage
from domain.errors import Rejected
from domain.subscription.command_keys import hashed
from domain.subscription.policy import SelfService
from domain.subscription.state import Subscription
from services.audit import audited
from storage.access.api_keys import Role
from storage.access.audit import SUBSCRIPTION
from storage.subscriptions.billing_accounts import BillingAccount

SEQUENCE: Final = "sequence"
"""The hidden field with the step of the subscription that the page has shown."""

PATHS: Final = {
    BillingFlow.OVERVIEW: "",
    BillingFlow.PAYMENT_METHOD: "/card",
    BillingFlow.CHANGE_PLAN: "/change",
    BillingFlow.CANCEL: "/cancel",
    BillingFlow.UNDO_CANCEL: "/undo-cancel",
    BillingFlow.PAUSE: "/pause",
    BillingFlow.RESUME: "/resume",
    BillingFlow.PAY: "/pay",
    BillingFlow.INVOICES: "/invoices",
    BillingFlow.WITHDRAW_CHANGE: "/withdraw-change",
    BillingFlow.BUY: "/plans",
}


@dataclass(frozen=True)
class CustomerCaller(Caller):
    """The customer, as the caller of commands on their own subscription."""

    @property
    def actor(self) -> str:
        return "customer via billing page"


@dataclass(frozen=True)
class Visit:
    """Who visits, and what their page may lead to."""

    dependencies: AppDependencies
    repositories: Repositories
    pages: Pages
    reader: Reader
    account: BillingAccount
    key: str
    """The part of command keys that belongs to this session or link."""
    csrf: str = ""
    link: str = ""
    """The address of the page that a mail has opened, which leads nowhere else; empty: there is a session."""
    return_url: str = ""
    embed: bool = False
    looked_at_from: str = ""
    """The page of the console from which an operator looks: nothing can be pressed; empty: the customer is here."""

    @property
    def subscription(self) -> Subscription:
        """The customer's subscription.

        Raises:
            Rejected: code `unknown_subscription`; they have none.
        """
        if self.account.subscription is None:
            raise Rejected("there is no subscription", code="unknown_subscription")
        return self.account.subscription

    @property
    def offers(self) -> SelfService:
        """What customers may do here."""
        return self.dependencies.policy.self_service

    def name_of(self, feature: str, name: str) -> str:
        """Return what a feature is called in the reader's language; *name* if there is no word for it."""
        found = self.wording.feature(feature).name
        return name if found == feature else found

    def add_on_name_of(self, add_on: str, name: str) -> str:
        """Return what an add-on is called in the reader's language; *name* if there is no word for it."""
        found = self.wording.add_on(add_on).name
        return name if found == add_on else found

    @property
    def wording(self) -> WordsInLanguage:
        """What the catalog is called in the reader's language."""
        shown = self.dependencies.presentation or Presentation.of(self.dependencies.catalog)
        return shown.in_language(self.reader.language.code)

    def address(self, flow: BillingFlow) -> str:
        """Return the path of a page."""
        return self.link or f"{self.pages.root}/billing{PATHS[flow]}"

    def way_back(self, done: str, left: str) -> tuple[str, str]:
        """Return where a provider's page leads: to these paths of our own when it is completed, or left without.

        From a frame the customer goes there in the whole window, which has no session: so it leads to the product.
        """
        base_url = self.dependencies.public_url.rstrip("/")
        if self.embed:
            return self.return_url or f"{base_url}/pay/done", self.return_url or f"{base_url}/pay/canceled"
        return f"{base_url}{done}", f"{base_url}{left}"

    def leaving(self, flow: BillingFlow, url: str, label: str = "") -> Response:
        """Return a page that leads on to the provider's, by itself where it fills the window.

        It leads on by itself, and not by a redirect: a browser would follow that only to addresses which the page
        with the form has named, and the provider's pages may be at an address of the product's own.
        """
        return self.page("leaving.html", flow, url=url, label=label)

    def context(self, flow: BillingFlow, sequence: str) -> CommandContext:
        """Return the context of a command.

        A form that is sent twice is carried out once. After the subscription has moved on, the page shows another
        *sequence*, so that the same can be asked for again.
        """
        key = hashed(f"{self.key}/{flow}/{sequence}")
        caller = CustomerCaller("", self.account.tenant, Role.SERVICE)
        return CommandContext(self.dependencies, self.repositories, caller, key, "")

    @asynccontextmanager
    async def with_reason(self, context: CommandContext, action: str, words: str) -> AsyncIterator[CommandContext]:
        """Yield the context of a command with a reason in the customer's own words, which the audit keeps.

        Raises:
            GatewayUnavailable: they cannot be noted.
        """
        if not words.strip():
            yield context
            return
        account, target = self.account, AuditTarget(SUBSCRIPTION, self.subscription.id)
        actor, request = Actor(ActorKind.CUSTOMER, account.customer_id), current_request().request_id
        command = AuditedCommand(account.tenant, actor, action, target, request, context.key, words)
        async with audited(self.repositories.audit, command) as asked:
            yield replace(context, reference=asked.reference)

    async def again(self) -> Self:
        """Return the visit with the account as it is now."""
        accounts, was = self.repositories.billing_accounts, self.account
        if self.link:
            account = await accounts.of_subscription(self.subscription.id, was.tenant)
        else:
            account = await accounts.of_customer(was.tenant, was.customer_id)
        return replace(self, account=account or was)

    def page(self, template: str, flow: BillingFlow, *, status: int = 200, **context: Any) -> Response:
        """Return a page of this visit; its form leads to the same address."""
        subscription = self.account.subscription
        hidden = {CSRF: self.csrf, SEQUENCE: str(subscription.sequence) if subscription is not None else ""}
        shown: dict[str, Any] = {
            "account": self.account,
            "subscription": subscription,
            "address": self.address,
            "action": self.address(flow),
            "hidden": hidden,
            "is_link": bool(self.link),
            "return_url": self.return_url,
            "embedded": self.embed,
            "read_only": bool(self.looked_at_from),
            "looked_at_from": self.looked_at_from,
            "flows": BillingFlow,
            "name_of": self.name_of,
            "add_on_name_of": self.add_on_name_of,
            "wording": self.wording,
            "errors": {},
        }
        embed_in = self.dependencies.embed_origins if self.embed else ()
        return self.pages.page(f"billing/{template}", self.reader, status=status, embed_in=embed_in, **shown | context)

    def back_to(self, flow: BillingFlow) -> Response:
        """Send the browser to a page by GET, after a form was carried out."""
        return RedirectResponse(self.address(flow), status_code=303, headers={"Cache-Control": "no-store"})

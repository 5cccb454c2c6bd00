"""The one thing to say to a customer now, for products to show on their own pages."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Query
from markupsafe import Markup
from pydantic import BaseModel, Field

from api.billing_pages.banners import LEADS_TO, Banner, BannerKind, banner_of
from api.billing_pages.overview import possible_flows
from api.billing_pages.usage_bars import reached_limits, usage_bars
from api.entitlements.lookup import WithEntitlements
from api.entitlements.routes import CustomerId
from api.http.auth import SERVICE_ROLES, Reader
from api.http.dependencies import AppDependencies, WithDependencies, WithRepositories
from api.http.openapi import READING
from api.web import readers
from api.web.pages import Pages, WithPages
from domain.billing_flows import BillingFlow
from domain.errors import Rejected
from domain.formatting import one_line
from domain.notifications.mail_links import MailLink, mail_link_url
from domain.notifications.mail_types import Occasion
from domain.notifications.tones import Tone
from domain.subscription.policy import SelfService
from domain.subscription.state import Subscription
from storage.subscriptions.billing_accounts import BillingAccount

LINKS_GOOD_FOR: Final = timedelta(days=1)
OCCASIONS: Final = {
    BannerKind.UNPAID: Occasion.SUSPENDED,
    BannerKind.NOT_BEGUN: Occasion.ACTION_REQUIRED,
    BannerKind.CONFIRM: Occasion.ACTION_REQUIRED,
    BannerKind.PAYMENT_FAILED: Occasion.PAYMENT_FAILED,
    BannerKind.TRIAL_EXPIRED: Occasion.TRIAL_EXPIRED,
    BannerKind.LOCKED: Occasion.USAGE_LIMIT,
    BannerKind.GRACE: Occasion.USAGE_LIMIT,
    BannerKind.TRIAL: Occasion.TRIAL_ENDING,
    BannerKind.ENDS: Occasion.CANCELLATION_SCHEDULED,
    BannerKind.PAUSED: Occasion.PAUSED,
    BannerKind.CHANGE: Occasion.PLAN_CHANGE_SCHEDULED,
}
"""The mail about the same thing, whose links lead to the same pages."""

router = APIRouter(prefix="/v1/customers/{external_id:path}", tags=["Customers"], responses=READING)


class BannerView(BaseModel):
    """One thing to say, in the customer's language."""

    kind: BannerKind
    tone: Tone = Field(description="calm, warning or urgent", examples=["urgent"])
    title: str = Field(examples=["A payment is open"])
    text: str = Field(description="one or two sentences; may be empty")
    flow: BillingFlow | None = Field(
        description="the billing page on which the customer can act: pass it to `POST /v1/billing-sessions` for"
        " customers who are signed in; null: there is none"
    )
    action: str | None = Field(description="what that page does, for a button", examples=["Pay now"])
    url: str | None = Field(
        description="that page for the customer alone, without a login, good for a day; null without `flow`, and for"
        " read-only keys: anyone who has it can do what the page does"
    )
    html: str = Field(description="the same as a piece of HTML, without script and style")


class CustomerBanner(BaseModel):
    """What to say to a customer now."""

    banner: BannerView | None = Field(description="null: nothing is to be said")


@router.get("/banner", operation_id="getBanner", summary="Get the banner to show to a customer")
async def banner(
    external_id: CustomerId,
    caller: Reader,
    dependencies: WithDependencies,
    repositories: WithRepositories,
    entitlements: WithEntitlements,
    pages: WithPages,
    locale: Annotated[
        str | None, Query(max_length=35, description="the language; the customer's own if left out")
    ] = None,
) -> CustomerBanner:
    account = await repositories.billing_accounts.by_external_id(caller.tenant, external_id)
    if account is None:
        raise Rejected(f"there is no customer {external_id!r}", code="unknown_customer")
    if account.subscription is None or account.subscription.is_over:
        return CustomerBanner(banner=None)
    found = banner_of(account, reached_limits(await usage_bars(account, entitlements)), dependencies.policy)
    if found is None:
        return CustomerBanner(banner=None)
    flow = _flow(account.subscription, found, account.now, dependencies.policy.self_service)
    url = _url(account, found, flow, dependencies) if caller.role in SERVICE_ROLES else None
    return CustomerBanner(banner=_view(account, found, flow, url, locale or account.locale, pages))


def _flow(it: Subscription, found: Banner, now: datetime, offers: SelfService) -> BillingFlow | None:
    """Return the page to lead to; None: there is none on which something could be done now."""
    flow = LEADS_TO.get(found.kind)
    return flow if flow is not None and possible_flows(it, now, offers)[flow] else None


def _view(
    account: BillingAccount, found: Banner, flow: BillingFlow | None, url: str | None, locale: str, pages: Pages
) -> BannerView:
    reader = readers.Reader.of(locale, account.timezone)
    it = account.subscription
    macros = pages.sentences("billing/_banner.html", reader)
    title, text = _plain(macros["title"](found, it)), _plain(macros["told"](found, it))
    action = _plain(macros["action"](flow.value, found, it)) if flow is not None else None
    tone_word = _plain(pages.sentences("parts.html", reader)["tone_word"](found.tone.value))
    words = {"title": title, "text": text, "action": action, "tone_word": "" if found.tone is Tone.CALM else tone_word}
    html = pages.render("billing/banner.html", reader, tone=found.tone.value, url=url, **words)
    return BannerView(
        kind=found.kind, tone=found.tone, title=title, text=text, flow=flow, action=action, url=url, html=html.strip()
    )


def _url(account: BillingAccount, found: Banner, flow: BillingFlow | None, dependencies: AppDependencies) -> str | None:
    """Return a link as in a mail: it opens this one page, and what has moved on meanwhile is said there."""
    if flow is None or account.subscription is None:
        return None
    until = datetime.now(UTC) + LINKS_GOOD_FOR
    link = MailLink(account.subscription.id, flow, OCCASIONS[found.kind], account.link_generation, until)
    return mail_link_url(dependencies.public_url, link, dependencies.signing)


def _plain(html: str) -> str:
    return one_line(Markup(html).striptags())  # noqa: S704 - rendered here, and its tags are removed

"""The pricing page and its JSON: public, cached, and answered without a question to the database.

Only a browser with a billing session gets a page of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response

from api.billing_pages.buying import can_buy
from api.billing_pages.sessions import NoSession, visit_of
from api.billing_pages.visits import Visit
from api.http.dependencies import AppDependencies
from api.http.openapi import problems
from api.pricing.content import PricingSource
from api.pricing.views import PricingView
from api.web.assets import Asset, compressed
from api.web.cookies import BILLING
from api.web.csp import security_headers
from api.web.errors import PageRoute
from api.web.pages import Pages, WithPages
from api.web.readers import LANGUAGE, Reader, reader_of
from domain.billing_flows import BillingFlow
from domain.catalog.plans import Interval
from domain.catalog.presentation import Presentation
from domain.errors import GatewayUnavailable
from domain.subscription.policy import SelfService
from localization.languages import is_known, language_names

MAX_AGE: Final = 300
"""Seconds for which a page may be kept."""
MAX_KEPT: Final = 100
"""Pages kept in memory: there is one for each locale, interval and way to show it."""

router = APIRouter(include_in_schema=False, route_class=PageRoute)
json_router = APIRouter(tags=["Plans"])

Embedded = Annotated[bool, Query(description="to be shown in a frame: without the head and foot of the page")]
Lang = Annotated[str, Query(max_length=35, description="as `de` or `de-AT`; else as the browser prefers")]


@dataclass(frozen=True)
class OwnPlan:
    """What a customer in a session has, and where they choose another plan."""

    plan: str
    """Empty: none."""
    url: str
    """Empty: nothing is to be chosen on the billing pages."""
    in_frame: bool
    """The session is a frame's own, and is not known in the whole window."""
    interval: Interval | None = None
    """Of the running subscription; None: there is none."""
    offers: SelfService = field(default_factory=SelfService)

    def url_of(self, plan: str, interval: Interval) -> str:
        """Return where to choose a plan; empty: it is the customer's own, or not offered to them."""
        is_own = plan == self.plan and interval is self.interval
        is_barred = self.interval is not None and plan != self.plan and not self.offers.may_switch_to(plan)
        return "" if is_own or is_barred or not self.url else f"{self.url}?plan={plan}/{interval}"


@dataclass
class PricingPages:
    """The pages made so far. They change only with the catalog, so with a new start."""

    source: PricingSource
    embed_in: tuple[str, ...] = ()
    _kept: dict[tuple[str, ...], Asset] = field(default_factory=dict)

    @classmethod
    def of(cls, dependencies: AppDependencies) -> "PricingPages":
        catalog = dependencies.catalog
        source = PricingSource(
            catalog,
            dependencies.presentation or Presentation.of(catalog),
            dependencies.policy.trial.days,
            dependencies.sign_up_url,
        )
        return cls(source, dependencies.embed_origins)

    def page(self, pages: Pages, reader: Reader, interval: Interval, *, embedded: bool) -> Asset:
        """Return the page for a reader, with an interval chosen."""

        def make() -> Asset:
            html = pages.render(
                "pricing.html",
                reader,
                content=self.source.content(reader),
                chosen=interval,
                embedded=embedded,
                own=None,
                languages=language_names(),
            )
            return Asset(html.encode(), "text/html; charset=utf-8")

        return self._made(("page", reader.formats.key, reader.language.code, interval, str(embedded)), make)

    def own_page(self, visit: Visit, interval: Interval, *, embedded: bool) -> Response:
        """Return the page for a customer in a session: it marks their plan, and leads to changes of it."""
        return visit.pages.page(
            "pricing.html",
            visit.reader,
            embed_in=self.embed_in if embedded else (),
            content=self.source.content(visit.reader),
            chosen=interval,
            embedded=embedded,
            own=self._own(visit),
            languages=language_names(),
        )

    def _own(self, visit: Visit) -> "OwnPlan":
        it, free = visit.account.subscription, self.source.catalog.free_plan
        if it is None or it.is_over:
            url = visit.address(BillingFlow.BUY) if can_buy(visit) else ""
            return OwnPlan(free.plan if free is not None else "", url, visit.embed)
        url = visit.address(BillingFlow.CHANGE_PLAN) if visit.offers.change else ""
        return OwnPlan(it.plan, url, visit.embed, it.interval, visit.offers)

    def json(self, language: str) -> Asset:
        """Return the same as JSON."""

        def make() -> Asset:
            return Asset(PricingView.of(self.source, language).model_dump_json().encode(), "application/json")

        return self._made(("json", language), make)

    def _made(self, key: tuple[str, ...], make: Callable[[], Asset]) -> Asset:
        found = self._kept.get(key)
        if found is None:
            if len(self._kept) >= MAX_KEPT:
                self._kept.clear()
            found = self._kept[key] = make()
        return found


@router.get("/pricing")
async def pricing(
    request: Request,
    pages: WithPages,
    interval: Interval | None = None,
    embed: Embedded = False,
) -> Response:
    made = _pricing_pages(request)
    sold = made.source.sold_for or (Interval.MONTH,)
    chosen = interval if interval is not None and interval in sold else sold[0]
    if (visit := await _visit(request)) is not None:
        return made.own_page(visit, chosen, embedded=embed)
    headers = security_headers(embed_in=made.embed_in if embed else ())
    return _answer(request, made.page(pages, reader_of(request), chosen, embedded=embed), headers)


@json_router.get(
    "/pricing.json",
    operation_id="getPricing",
    summary="Get what is for sale",
    response_model=PricingView,
    responses=problems(422),
)
async def pricing_json(request: Request, _lang: Annotated[Lang, Query(alias=LANGUAGE)] = "") -> Response:
    """What is for sale, with the words of a language. It needs no API key, and any page may ask for it."""
    found = _pricing_pages(request).json(reader_of(request).language.code)
    return _answer(request, found, {"Access-Control-Allow-Origin": "*", "X-Content-Type-Options": "nosniff"})


async def _visit(request: Request) -> Visit | None:
    """Return the customer's visit, if the browser has a session and the database can be asked for it."""
    if not BILLING.of(request):
        return None
    try:
        return await visit_of(request)
    except (NoSession, GatewayUnavailable):
        return None


def _answer(request: Request, found: Asset, headers: dict[str, str]) -> Response:
    """Return public content, or 304 if the browser has it."""
    # Weak, because it names the content and not one way to send it.
    tag = 'W/"' + found.digest + '"'
    by_language = "" if is_known(request.query_params.get(LANGUAGE, "")) else "Accept-Language, "
    headers |= {
        "Cache-Control": f"public, max-age={MAX_AGE}",
        "ETag": tag,
        "Vary": f"{by_language}Accept-Encoding",
    }
    known = {one.strip().removeprefix("W/") for one in request.headers.get("If-None-Match", "").split(",")}
    if tag.removeprefix("W/") in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return compressed(request, found.content, found.compressed, found.media_type, headers)


def _pricing_pages(request: Request) -> PricingPages:
    made = request.app.state.pricing_pages
    assert isinstance(made, PricingPages)  # noqa: S101 - set by create_app
    return made

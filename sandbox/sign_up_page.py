"""A product's sign-up as the sandbox has it: the buttons of the pricing page lead here, and on to buying."""

from html import escape
from typing import Any
from uuid import uuid4

import httpx
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from sandbox.stripe.page_parts import form, page

PATH, WELCOME = "/sign-up", "/sign-up/welcome"
PATIENCE = 60.0


class SignUpPage:
    """Asks for a mail address, and sends the customer to buy as a product does: by the API, with its own key."""

    def __init__(self, api_url: str, key: str) -> None:
        self._api_url = api_url
        self._headers = {"Authorization": f"Bearer {key}"}

    @property
    def routes(self) -> list[Route]:
        """The page, and the one to which a customer comes back."""
        return [
            Route(PATH, self._sign_up, methods=["GET", "POST"]),
            Route(WELCOME, self._welcome, methods=["GET"]),
        ]

    async def _sign_up(self, request: Request) -> Response:
        plan, interval = request.query_params.get("plan", ""), request.query_params.get("interval", "")
        if request.method == "GET":
            return _ask(plan, interval)
        email = (await form(request)).get("email", "").strip()
        here = str(request.url.replace(query=""))
        # As a product would that knows its customers' language.
        locale = request.headers.get("Accept-Language", "").partition(",")[0].partition(";")[0].strip() or "en"
        customer = {"external_id": email, "email": email, "locale": locale}
        made = await self._made(plan, interval, customer, here)
        if isinstance(made, str):
            return _ask(plan, interval, email=email, problem=made)
        return RedirectResponse(made.get("url") or _welcome_url(here, email), status_code=303)

    async def _made(self, plan: str, interval: str, customer: dict[str, str], here: str) -> dict[str, Any] | str:
        """What the API has made: a page to buy on, or at once the subscription to a free plan; else why not."""
        asked: dict[str, Any] = {"customer": customer, "plan": plan}
        path = "/v1/subscriptions"
        if interval:
            path = "/v1/checkout-sessions"
            asked |= {"interval": interval, "success_url": _welcome_url(here, customer["email"])}
            asked["cancel_url"] = f"{self._api_url}/pricing"
        return await self._post(path, asked)

    async def _welcome(self, request: Request) -> Response:
        made = await self._post("/v1/billing-sessions", {"customer": request.query_params.get("customer", "")})
        if isinstance(made, str):
            return page("Welcome", "<p>You are signed up.</p>", problem=made)
        link = f'<p><a href="{escape(made["url"])}">Open your billing page</a></p>'
        return page("Welcome", f"<p>You are signed up. A product would show itself here.</p>{link}")

    async def _post(self, path: str, asked: dict[str, Any]) -> dict[str, Any] | str:
        async with httpx.AsyncClient(base_url=self._api_url, headers=self._headers, timeout=PATIENCE) as api:
            answer = await api.post(path, json=asked, headers={"Idempotency-Key": uuid4().hex})
        body: dict[str, Any] = answer.json()
        return str(body.get("detail", "this did not work")) if answer.is_error else body


def _ask(plan: str, interval: str, *, email: str = "", problem: str = "") -> Response:
    chosen = " · ".join(part for part in (plan, f"by the {interval}" if interval else "") if part)
    field = f'<input id="email" name="email" type="email" autocomplete="email" required value="{escape(email)}">'
    body = (
        f"<p>{escape(chosen)}</p><p>A product asks here who its customer is.</p>"
        f'<form method="post"><label for="email">Your mail address</label>{field}<button>Go on</button></form>'
    )
    return page("Sign up", body, problem=problem, status=422 if problem else 200)


def _welcome_url(here: str, email: str) -> str:
    return str(httpx.URL(here).copy_with(path=WELCOME, params={"customer": email}))

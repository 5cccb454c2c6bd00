"""What the simulator's pages are put together from."""

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from domain.money import Money, formatted
from sandbox.stripe.account import MERCHANT
from sandbox.stripe.cards import OK, TEST_CARDS
from sandbox.stripe.store import Object

STYLE = (
    "*{box-sizing:border-box}"
    "body{font:16px/1.5 system-ui,sans-serif;margin:0;background:#f6f8fa;color:#1a1f36}"
    "header{display:flex;flex-wrap:wrap;gap:.5rem 1rem;align-items:center;justify-content:space-between;"
    "max-width:27rem;margin:clamp(.5rem,4vw,2.5rem) auto 0;padding:.75rem 1.5rem}header.wide{max-width:42rem}"
    "header strong{font-size:1.05rem}.test{padding:.1rem .6rem;border-radius:6px;background:#ffde8a;color:#4a3100;"
    "font-size:.85rem;font-weight:600}"
    "main{max-width:27rem;margin:0 auto clamp(0rem,4vw,4rem);padding:2rem 1.5rem;background:#fff;border-radius:12px;"
    "box-shadow:0 2px 12px #1a1f3622}main.wide{max-width:42rem}@media(min-width:30rem){main{padding:2rem}}"
    "h1{font-size:1.5rem;line-height:1.25;margin:0 0 1rem}h2{font-size:1.05rem;margin:2rem 0 .5rem}p{margin:.75rem 0}"
    "a{color:#4b44c8}small,.quiet{color:#596171}"
    "label{display:block;font-weight:600;margin:1rem 0 0}"
    "select,input,button{display:block;width:100%;min-height:2.75rem;margin:.4rem 0 .75rem;padding:.5rem .75rem;"
    "font:inherit}select,input{border:1px solid #8792a2;border-radius:6px;background:#fff;color:inherit}"
    "button{background:#4b44c8;color:#fff;border:0;border-radius:6px;font-weight:600;cursor:pointer}"
    "button.plain{display:inline-block;width:auto;min-height:2.25rem;margin:0;padding:.25rem .75rem;background:#fff;"
    "color:#4b44c8;border:1px solid #c9d0d8}"
    ":focus-visible{outline:3px solid #4b44c8;outline-offset:2px}"
    "ul{list-style:none;margin:0;padding:0}"
    "li{display:flex;flex-wrap:wrap;gap:.5rem;align-items:center;padding:.6rem 0;border-bottom:1px solid #e3e8ee}"
    "li>:first-child{flex:1 1 12rem}li form{margin:0}"
    ".badge{display:inline-block;padding:.05rem .5rem;border-radius:99px;background:#e3e8ee;font-size:.85rem}"
    ".amount{font-size:2rem;font-weight:700;margin:.25rem 0}"
    "table{width:100%;border-collapse:collapse}th{font-weight:600;text-align:left}"
    "td,th{padding:.4rem 0;border-bottom:1px solid #e3e8ee;vertical-align:top}"
    "td:last-child,th:last-child{text-align:right;white-space:nowrap;padding-left:1rem}"
    ".sum{margin:0 0 1.25rem}dl{display:grid;grid-template-columns:auto 1fr;gap:.35rem 1.25rem;margin:1rem 0}"
    "dt{color:#596171}dd{margin:0;text-align:right}"
    "fieldset{border:1px solid #c9d0d8;border-radius:8px;padding:.25rem 1rem .5rem;margin:1.25rem 0}"
    "legend{font-weight:600;padding:0 .35rem}"
    ".problem{color:#8f0730;background:#fdeef2;border-radius:6px;padding:.6rem .8rem}"
)


def page(
    title: str, body: str, *, problem: str = "", status: int = 200, wide: bool = False, merchant: str = MERCHANT
) -> Response:
    """A page of the merchant's, or of a bank's."""
    width = "wide" if wide else "narrow"
    alert = f'<p class="problem" role="alert">{escape(problem)}</p>' if problem else ""
    return HTMLResponse(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>'
        f'<body><header class="{width}"><strong>{escape(merchant)}</strong>'
        '<span class="test">Test mode: no money moves</span></header>'
        f'<main class="{width}"><h1>{escape(title)}</h1>{alert}{body}'
        "<p><small>A simulator of the payment provider's page, for trying out.</small></p></main></body></html>",
        status_code=status,
    )


def card_form(word: str, *, first: str = "") -> str:
    """A form with a choice of test cards; *first* is an option before them."""
    return f'<form method="post">{card_fields(first)}<button>{escape(word)}</button></form>'


def card_fields(first: str = "") -> str:
    """The choice of a test card; *first* is an option before them."""
    return f'<label for="card">Test card</label><select id="card" name="payment_method">{first}{_options()}</select>'


def button(word: str, act: str, subject: str) -> str:
    """A form of one button; *subject* is what it is about."""
    return (
        f'<form method="post"><input type="hidden" name="act" value="{act}">'
        f'<input type="hidden" name="subject" value="{escape(subject)}">'
        f'<button class="plain">{escape(word)}</button></form>'
    )


def _options() -> str:
    return "".join(f'<option value="{name}">{escape(_told(name))}</option>' for name in TEST_CARDS)


def _told(name: str) -> str:
    """A test card in words: what it looks like and how it answers."""
    test = TEST_CARDS[name]
    if test.on_attach != OK:
        answer = f"refused: {test.on_attach}"
    else:
        answer = "every charge succeeds" if test.on_charge == OK else f"charges: {test.on_charge}"
    return f"{test.brand.title()} •••• {test.last4} ({answer.replace('_', ' ')}) · {name}"


def card(method: Object) -> str:
    return f"{escape(method['card']['brand'])} •••• {method['card']['last4']}"


def money(amount: int, invoice: Object) -> str:
    return formatted(Money(amount, invoice["currency"]))


def day(epoch: int) -> str:
    moment = datetime.fromtimestamp(epoch, UTC)
    return f'<time datetime="{moment:%Y-%m-%d}">{moment.day} {moment:%B %Y}</time>'


def days(start: int, end: int) -> str:
    """A period, in days."""
    return f"{day(start)} to {day(end)}"


def facts(rows: Sequence[tuple[str, str]]) -> str:
    """A list of labels and values, which are HTML; those without a value are left out."""
    return f"<dl>{''.join(f'<dt>{label}</dt><dd>{value}</dd>' for label, value in rows if value)}</dl>"


def back(url: str | None, word: str = "Back") -> str:
    """A link to where the customer came from; none to what is no address of the web."""
    if not url or urlsplit(url).scheme not in ("http", "https"):
        return ""
    return f'<p><a href="{escape(url)}">{escape(word)}</a></p>'


async def form(request: Request) -> dict[str, str]:
    return dict(parse_qsl((await request.body()).decode()))

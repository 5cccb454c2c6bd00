"""What all pages have in common: their parts, their headers, their files, their languages and their errors."""

import gzip
import re
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from api.http.errors import STATUS_OF_CODE
from api.web.csp import security_headers
from api.web.errors import PAGE_ROOTS, PageRoute
from api.web.pages import Pages
from api.web.readers import Reader
from domain.errors import GatewayBusy, GatewayUnavailable, Haste, Rejected
from tests.web.markup import Markup, faults
from tests.web.site import ADDRESS, BRAND, a_browser, an_app

EVERY_PART = """
{% extends "base.html" %}
{% import "parts.html" as ui with context %}
{% block title %}Parts{% endblock %}
{% block main %}
<h1>Parts</h1>
{{ ui.error_summary([("email", "Enter an address"), ("why", "Choose a reason")]) }}
{% for tone in ("calm", "warning", "urgent", "done") %}
{% call ui.banner(tone, "Title of " ~ tone) %}<p>Text of {{ tone }}</p>{% endcall %}
{{ ui.progress("use-" ~ tone, "Images", "130 of 100", 130, tone) }}
{% endfor %}
{{ ui.progress("none", "Users", "7", none) }}
{% call ui.card("Plan", id="plan") %}{{ ui.facts([("Status", "active"), ("Seats", "")]) }}{% endcall %}
{{ ui.table("Invoices", ["Number", "Amount"], [["NW-1", "$49.00"]], numeric=[1]) }}
<form method="post">
{{ ui.field("email", "Mail", "<ada>", type="email", hint="As you signed up", error="Enter one", required=true) }}
{{ ui.text_area("comment", "Anything else?", "so & so") }}
{{ ui.choices("why", "Why?", [("a", "Unused", ""), ("b", "Other", "Tell us more")], chosen="b", error="Choose") }}
{{ ui.button("Save") }} {{ ui.button("Delete", "danger", name="do", value="delete") }}
{{ ui.link_button("Choose", "/elsewhere", about="Starter") }}
</form>
{% endblock %}
"""


@pytest.fixture(scope="module")
def pages() -> Pages:
    return Pages(BRAND, ADDRESS)


@pytest.mark.parametrize("language", ["en", "de"])
def test_a_page_of_every_part_is_sound_and_has_no_code_of_its_own(pages: Pages, language: str) -> None:
    reader = Reader.of(language)
    html = (
        pages._environments[language]
        .from_string(EVERY_PART)
        .render(formats=reader.formats, embedded=False, read_only=False)
    )

    assert faults(html) == []
    assert f'<html lang="{language}" dir="ltr">' in html
    assert "<ada>" not in html
    assert "so &amp; so" in html


def test_how_pressing_a_banner_is_is_said_in_words(pages: Pages) -> None:
    html = pages._environments["de"].from_string(EVERY_PART).render(formats=None, embedded=False, read_only=False)

    for word in ("Information", "Wichtig", "Dringend", "Erledigt"):
        assert f'aria-label="{word}"' in html


def test_a_wrong_entry_is_named_at_the_top_and_at_its_field(pages: Pages) -> None:
    page = Markup(
        pages._environments["en"].from_string(EVERY_PART).render(formats=None, embedded=False, read_only=False)
    )

    field = next(given for given in page.all("input") if given.get("id") == "email")
    assert field["aria-invalid"] == "true"
    assert field["aria-describedby"] == "email-hint email-error"
    assert {"href": "#email"} in page.all("a")
    assert "Please correct 2 entries" in page.said("h2")
    assert any("autofocus" in given for given in page.all("section")), "the focus starts at the summary"


# --- headers ----------------------------------------------------------------------------------------------


def test_a_page_allows_no_script_no_frame_and_no_form_to_elsewhere() -> None:
    headers = security_headers()

    assert headers["Content-Security-Policy"] == (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    )
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]


def test_a_page_may_be_shown_in_frames_of_the_origins_that_are_listed() -> None:
    headers = security_headers(embed_in=["https://a.example", "https://b.example:8443"], forms_lead_to=["https://p.eu"])

    assert "frame-ancestors https://a.example https://b.example:8443" in headers["Content-Security-Policy"]
    assert "form-action 'self' https://p.eu;" in headers["Content-Security-Policy"]


# --- files ------------------------------------------------------------------------------------------------


async def test_a_page_names_files_that_are_there_and_may_be_kept_for_ever() -> None:
    async with a_browser() as browser:
        page = Markup((await browser.get("/pay/done")).text)
        for link in page.all("link"):
            answer = await browser.get(link["href"])
            assert answer.status_code == 200
            assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
            assert answer.headers["Content-Type"].startswith(("text/css", "image/svg+xml"))


async def test_the_file_of_another_release_is_served_but_not_kept() -> None:
    async with a_browser() as browser:
        old = await browser.get("/assets/000000000000/app.css")
        none = await browser.get("/assets/000000000000/app.js")

    assert old.status_code == 200
    assert old.headers["Cache-Control"] == "no-cache"
    assert none.status_code == 404


async def test_files_are_compressed_for_browsers_that_take_it(pages: Pages) -> None:
    address = pages.assets.address("app.css")
    async with a_browser() as browser:
        plain = await browser.get(address, headers={"Accept-Encoding": "identity"})
        small = await browser.get(address, headers={"Accept-Encoding": "gzip, br"})

    assert plain.content == small.content
    assert "Content-Encoding" not in plain.headers
    assert small.headers["Content-Encoding"] == "gzip"
    assert int(small.headers["Content-Length"]) == len(gzip.compress(plain.content, mtime=0))
    assert plain.headers["Vary"] == small.headers["Vary"] == "Accept-Encoding"


async def test_a_logo_stands_for_the_name_and_can_do_nothing_but_draw(tmp_path: Path) -> None:
    logo = tmp_path / "logo.SVG"
    logo.write_text('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>')
    async with a_browser(an_app(logo=logo)) as browser:
        page = Markup((await browser.get("/pay/done")).text)
        answer = await browser.get(page.all("img")[0]["src"])

    assert page.all("img")[0]["alt"] == BRAND.product_name
    assert answer.headers["Content-Type"] == "image/svg+xml"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; style-src 'unsafe-inline'; sandbox"


async def test_pages_know_the_path_at_which_customers_reach_them() -> None:
    async with a_browser(an_app(public_url="https://northwind.example/subscriptions/")) as browser:
        page = Markup((await browser.get("/pay/done")).text)

    assert all(link["href"].startswith("/subscriptions/assets/") for link in page.all("link"))


# --- the brand --------------------------------------------------------------------------------------------


async def test_a_page_shows_its_brand_and_where_help_is() -> None:
    async with a_browser() as browser:
        page = Markup((await browser.get("/pay/done")).text)

    assert page.said("title") == ["Thank you · Northwind & Co"]
    assert {"class": "brand", "href": "https://northwind.example"} in page.all("a")
    assert {"href": "mailto:help@northwind.example"} in page.all("a")


async def test_a_page_without_a_support_address_names_none() -> None:
    async with a_browser(an_app(brand=replace(BRAND, support_email=""))) as browser:
        answer = await browser.get("/pay/done")

    assert "mailto:" not in answer.text
    assert faults(answer.text) == []


# --- languages --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "accepted", "language"),
    [
        ("/pay/done", "", "en"),
        ("/pay/done", "de-AT,de;q=0.9,en;q=0.5", "de"),
        ("/pay/done", "tlh, de;q=0.2, en;q=0.8", "en"),
        ("/pay/done", "tlh;q=1, de;q=0", "en"),
        ("/pay/done", "de;q=x, ;;, \x7f", "en"),
        ("/pay/done?lang=de", "en", "de"),
        ("/pay/done?lang=tlh", "de", "de"),
        ("/pay/done?lang=../../etc", "en", "en"),
        ("/pay/bad", "de", "de"),
    ],
)
async def test_a_page_is_in_the_language_asked_for_or_the_browsers(path: str, accepted: str, language: str) -> None:
    async with a_browser() as browser:
        answer = await browser.get(path, headers={"Accept-Language": accepted})

    assert Markup(answer.text).all("html")[0]["lang"] == language
    assert faults(answer.text) == []


# --- errors -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("root", PAGE_ROOTS)
async def test_an_address_that_does_not_exist_is_answered_by_a_page_where_there_are_pages(root: str) -> None:
    async with a_browser() as browser:
        page = await browser.get(f"{root}/there/is/nothing")
        problem = await browser.get("/v1/there/is/nothing")

    assert page.status_code == 404
    assert faults(page.text) == []
    assert "There is no such page" in page.text
    assert page.headers["Content-Security-Policy"] == security_headers()["Content-Security-Policy"]
    assert problem.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("error", "status", "title"),
    [
        (Rejected("no", code="unknown_customer"), STATUS_OF_CODE["unknown_customer"], "There is no such page"),
        (Rejected("no", code="link_expired"), 409, "This cannot be done like that"),
        (GatewayUnavailable("db at 10.0.0.1", code="database_unavailable"), 503, "One moment, please"),
        (GatewayBusy("slow down", haste=Haste.RATE, retry_after=7), 503, "One moment, please"),
        (RuntimeError("a bug at 10.0.0.1"), 500, "Something went wrong"),
    ],
    ids=str,
)
async def test_an_error_of_a_page_is_a_page_that_gives_nothing_away(error: Exception, status: int, title: str) -> None:
    app = an_app()

    async def fails() -> None:
        raise error

    app.router.add_api_route("/pricing/fails", fails, route_class_override=PageRoute)
    async with a_browser(app, **{"X-Request-Id": "ref-4711"}) as browser:
        answer = await browser.get("/pricing/fails")

    assert answer.status_code == status
    assert "Reference: ref-4711" in answer.text
    assert Markup(answer.text).said("h1") == [title]
    assert "10.0.0.1" not in answer.text
    assert faults(answer.text) == []
    assert _waits(answer) == (7 if isinstance(error, GatewayBusy) else 5 if status == 503 else None)


def _waits(answer: httpx.Response) -> int | None:
    given = answer.headers.get("Retry-After")
    return int(given) if given else None


def test_the_style_is_small_and_asks_nobody_for_anything(pages: Pages) -> None:
    style = pages.assets.get("app.css")

    assert style is not None
    assert len(style.compressed) < 4_000
    assert re.findall(rb"url\(|@import|https?:", style.content) == []

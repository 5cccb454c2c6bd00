"""The API's documentation at `/docs`. All of its files come from here: it works without the Internet."""

from base64 import b64encode
from hashlib import sha256
from re import DOTALL, findall
from typing import Final

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

PAGE: Final = "/docs"
FILES: Final = "/docs/files"
POLICY: Final = (
    "default-src 'none'; connect-src 'self'; script-src 'self' {scripts}; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def add_docs(app: FastAPI) -> None:
    """Serve Swagger UI at `/docs`, with its files from the package `fastapi-offline`.

    Its addresses are relative, for servers behind a prefix. Browsers are told to ask no other host for anything.
    """
    page = get_swagger_ui_html(
        openapi_url="openapi.json",
        title=app.title,
        swagger_js_url="docs/files/swagger-ui-bundle.js",
        swagger_css_url="docs/files/swagger-ui.css",
        swagger_favicon_url="docs/files/favicon.png",
    )
    html = bytes(page.body)
    headers = {"Content-Security-Policy": POLICY.format(scripts=" ".join(_inline_scripts(html)))}

    @app.get(PAGE, include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(html, headers=headers)

    app.mount(FILES, StaticFiles(packages=[("fastapi_offline", "static")]), name="docs files")


def _inline_scripts(html: bytes) -> list[str]:
    """What a Content-Security-Policy calls each script that is written in the page itself."""
    hashes = (sha256(script).digest() for script in findall(rb"<script>(.*?)</script>", html, DOTALL))
    return [f"'sha256-{b64encode(each).decode()}'" for each in hashes]

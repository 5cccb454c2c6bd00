"""The page `/docs/errors`, to which the `type` of each error leads. It needs neither scripts nor other files."""

import re
from html import escape
from itertools import groupby
from typing import Final

from fastapi import FastAPI
from fastapi.responses import HTMLResponse

from api.http.error_codes import ERROR_CODES, ErrorCode
from api.http.request_context import ERRORS_PAGE

POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#1f2937}"
    "h3{margin-bottom:.2rem}h3:target{background:#fef3c7}p{margin:.2rem 0}"
    "@media(prefers-color-scheme:dark){body{background:#111827;color:#e5e7eb}h3:target{background:#78350f}}"
)


_GROUP: Final = "<h2>{}</h2>"


def add_errors_page(app: FastAPI) -> None:
    """Serve the explanation of every error code."""
    html, headers = _page(), {"Content-Security-Policy": POLICY}

    @app.get(ERRORS_PAGE, include_in_schema=False)
    async def errors() -> HTMLResponse:
        return HTMLResponse(html, headers=headers)


def _page() -> str:
    parts = [
        "<!doctype html>",
        '<html lang="en">',
        '<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Errors</title>',
        f"<style>{_STYLE}</style></head>",
        "<body><h1>Errors</h1><p>What each <code>code</code> means, and what to do about it.</p>",
    ]
    for group, codes in groupby(ERROR_CODES.values(), key=lambda one: one.group):
        parts.append(_GROUP.format(escape(group)))
        parts += map(_explained, codes)
    return "\n".join([*parts, "</body></html>"])


def _explained(one: ErrorCode) -> str:
    return (
        f'<h3 id="{one.code}"><code>{one.code}</code></h3>\n'
        f"<p>{_with_code(one.means)}</p>\n<p><strong>What to do:</strong> {_with_code(one.do)}</p>"
    )


def _with_code(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))

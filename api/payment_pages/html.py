"""The few plain pages that customers see between a mail and the payment page."""

from html import escape

from fastapi.responses import HTMLResponse

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title} · {brand}</title>
<style>
  :root {{ color-scheme: light dark }}
  body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; font: 16px/1.6 system-ui, sans-serif;
         background: #f6f7f9; color: #1c2330 }}
  main {{ max-width: 26rem; margin: 1.5rem; padding: 2.5rem; background: #fff; border-radius: .75rem;
         border: 1px solid #dfe3ea }}
  p.brand {{ margin: 0 0 1.5rem; font-weight: 600; color: #5b6577 }}
  h1 {{ margin: 0 0 .75rem; font-size: 1.375rem; line-height: 1.3 }}
  p {{ margin: 0 }}
  @media (prefers-color-scheme: dark) {{
    body {{ background: #12161d; color: #e8ebf0 }}
    main {{ background: #1b212b; border-color: #2c3543 }}
    p.brand {{ color: #9aa5b8 }}
  }}
</style>
</head>
<body>
<main>
<p class="brand">{brand}</p>
<h1>{title}</h1>
<p>{text}</p>
</main>
</body>
</html>
"""

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": POLICY,
    # The URL contains the token, and must not reach anyone else.
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def page(brand: str, title: str, text: str, *, status: int = 200) -> HTMLResponse:
    """Return a page with one message."""
    html = PAGE.format(brand=escape(brand), title=escape(title), text=escape(text))
    return HTMLResponse(html, status_code=status, headers=HEADERS)

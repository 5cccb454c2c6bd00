"""The files that pages are made with. Their addresses contain a hash of their content, so that they never go stale."""

import gzip
from dataclasses import dataclass, field
from hashlib import sha256
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from domain.brand import Brand
from domain.colours import readable_on

IMMUTABLE: Final = "public, max-age=31536000, immutable"
LIGHT_BACKGROUND, DARK_BACKGROUND = "#f0f2f5", "#232c39"
"""The least favourable of `app.css`, for text in the brand's colour."""
LOGO_TYPES: Final = {
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webp": "image/webp",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
}
_SANDBOX: Final = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
"""Opened by itself, an image may draw and do nothing else."""

router = APIRouter(prefix="/assets", include_in_schema=False)


@dataclass(frozen=True)
class Asset:
    """One file."""

    content: bytes
    media_type: str
    digest: str = field(init=False)
    compressed: bytes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "digest", sha256(self.content).hexdigest()[:12])
        object.__setattr__(self, "compressed", gzip.compress(self.content, mtime=0))


class Assets:
    """The files of one brand's pages: `app.css`, styles of single pages, `icon.svg`, and `logo` if there is one."""

    def __init__(self, brand: Brand, logo: Path | None, root: str) -> None:
        """*root* is the path of the API's public address."""
        self._root = root
        self._files = {
            "app.css": _style("app.css", before=_colours(brand)),
            "pricing.css": _style("pricing.css"),
            "console.css": _style("console.css"),
            "charts.css": _style("charts.css"),
            "icon.svg": Asset(_icon(brand).encode(), LOGO_TYPES[".svg"]),
        }
        if logo is not None:
            self._files["logo"] = Asset(logo.read_bytes(), LOGO_TYPES[logo.suffix.lower()])

    @property
    def has_logo(self) -> bool:
        return "logo" in self._files

    def address(self, name: str) -> str:
        """Return the path of a file, with its hash."""
        return "/".join((self._root, "assets", self._files[name].digest, name))

    def get(self, name: str) -> Asset | None:
        """Return a file by its name, None if there is none."""
        return self._files.get(name)


@router.get("/{digest}/{name}")
async def asset(digest: str, name: str, request: Request) -> Response:
    assets = request.app.state.assets
    assert isinstance(assets, Assets)  # noqa: S101 - set by add_pages
    found = assets.get(name)
    if found is None:
        raise HTTPException(404)
    # While a release rolls out, a page may name the file of another one: better this file than none, but not for long.
    headers = {"Cache-Control": IMMUTABLE if digest == found.digest else "no-cache", "Vary": "Accept-Encoding"}
    if found.media_type == LOGO_TYPES[".svg"]:
        headers["Content-Security-Policy"] = _SANDBOX
    return compressed(request, found.content, found.compressed, found.media_type, headers)


def compressed(
    request: Request, content: bytes, as_gzip: bytes, media_type: str, headers: dict[str, str], status: int = 200
) -> Response:
    """Return public content, compressed for browsers that take it. For pages with secrets this would not be safe."""
    if len(as_gzip) < len(content) and "gzip" in request.headers.get("Accept-Encoding", ""):
        return Response(as_gzip, status, headers | {"Content-Encoding": "gzip"}, media_type)
    return Response(content, status, headers, media_type)


def _style(name: str, before: str = "") -> Asset:
    style = (files("templates") / "pages" / "static" / name).read_bytes()
    return Asset(before.encode() + style, "text/css; charset=utf-8")


def _colours(brand: Brand) -> str:
    """Return the brand's colours as `app.css` uses them, each with enough contrast to be read."""
    return (
        f":root{{--brand:{brand.colour};--ink:{brand.ink};"
        f"--accent-light:{readable_on(LIGHT_BACKGROUND, brand.colour)};"
        f"--accent-dark:{readable_on(DARK_BACKGROUND, brand.colour)}}}\n"
    )


def _icon(brand: Brand) -> str:
    """Return an icon for the browser's tab: the brand's initial on its colour."""
    initial = escape(brand.product_name[0].upper())
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" '
        f'fill="{brand.colour}"/><text x="16" y="23" font-family="system-ui,sans-serif" font-size="20" '
        f'font-weight="700" text-anchor="middle" fill="{brand.ink}">{initial}</text></svg>'
    )

"""What no page of ours asks for and no form of ours sends: one odd part at a time, to see that no page breaks."""

import re
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import quote, urlencode, urljoin

import httpx
from fastapi.dependencies.utils import get_flat_params

from api.app import described_routes
from api.web.forms import CSRF
from tests.web.billing.visitor import Visitor, forms_of

ODD_IDS: Final = ("%00", "%ED%A0%80", "9" * 40)
"""Parts of paths, as they are written there: what PostgreSQL refuses, no UTF-8, too large a number."""
ODD_VALUES: Final = ("%00", "9" * 40)
"""Of parameters of queries."""
READ_BY_HAND: Final = "lang=%00&tenant=%00&next=%00&from=%00&to=9&plan=%00&feature=%00&group=%00&currency=%00"
"""Parameters that pages read from the query themselves."""
ENDS_IT: Final = ("/leave", "/sign-out")
"""Forms after which there is no session."""
ODD_TEXTS: Final = ("\0" * 20, "garbage" * 3, "9" * 40)
"""Values of fields."""


def addresses(root: str, ids: Mapping[str, str]) -> Iterator[str]:
    """Every page below a root, with one odd part; *ids* are those that exist, by the parameter of the path."""
    for route in described_routes():
        if "GET" not in (route.methods or ()) or not route.path.startswith(root):
            continue
        names = re.findall(r"{(\w+)", route.path)
        of = re.sub(r":path}", "}", route.path)
        known = {name: quote(ids.get(name, "x"), safe="") for name in names}
        yield from (of.format_map(known | {name: odd}) for name in names for odd in ODD_IDS)
        here, queries = of.format_map(known), [field.alias for field in get_flat_params(route.dependant)]
        yield f"{here}?{READ_BY_HAND}"
        yield from (f"{here}?{name}={odd}" for name in queries if name not in names for odd in ODD_VALUES)


async def broken_pages(visitor: Visitor, root: str, ids: Mapping[str, str]) -> dict[str, int]:
    """The addresses of pages that fail for an odd part, by their status."""
    found = {}
    for address in addresses(root, ids):
        status = (await visitor.get(address)).status_code
        if status >= 500:
            found[address] = status
    return found


async def broken_forms(visitor: Visitor, *pages: httpx.Response, **chosen: str) -> dict[str, int]:
    """The forms of pages that fail if one field has an odd value, is missing or comes twice, by their status.

    *chosen* is what is filled in besides.
    """
    found = {}
    for action, fields in (form for page in pages for form in forms_of(page.text) if CSRF in form[1]):
        if action.endswith(ENDS_IT):
            continue
        whole = fields | {name: value for name, value in chosen.items() if name in fields}
        for what, body in _bodies(whole):
            answer = await visitor.post(urljoin(str(visitor.http.base_url), action), body)
            if answer.status_code >= 500:
                found[f"{action} {what}"] = answer.status_code
    return found


def _bodies(fields: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name in fields:
        if name == CSRF:
            continue
        yield f"without {name}", urlencode({each: value for each, value in fields.items() if each != name})
        yield f"{name} twice", urlencode([*fields.items(), (name, "x")])
        for odd in ODD_TEXTS:
            yield f"{name}={odd[:20]!r}", urlencode({**fields, name: odd})
    yield "half a pair of surrogates", f"{urlencode(fields)}&more=%ED%A0%80"

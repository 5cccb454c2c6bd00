"""Writes docs/api-roles.md from the endpoints: `python -m tests.docs.roles_page`."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from fastapi.routing import APIRoute

from api.app import ROUTERS
from api.http.auth import roles_of
from api.http.idempotency import OPERATOR_FIELDS
from storage.access.api_keys import Role

PAGE: Final = Path(__file__).parents[2] / "docs" / "api-roles.md"
ROLES: Final = (Role.READ_ONLY, Role.SERVICE, Role.OPERATOR, Role.ADMIN, Role.WEBHOOKS)
WHAT: Final = {
    Role.READ_ONLY: "reads customers, subscriptions, figures, the audit and the state of the engine; changes nothing",
    Role.SERVICE: "a product's back end: signs customers up, controls their subscriptions, counts usage, opens pages",
    Role.OPERATOR: "also overrides: extends trials, suspends, reactivates, refunds up to `refund_limit`, resets usage, "
    "renews links, keeps notes",
    Role.ADMIN: "also decides who gets in (API keys), erases customers, and runs bulk commands",
    Role.WEBHOOKS: "webhook endpoints and their deliveries, and nothing else",
}
TEXT: Final = """\
# Who may call what

<!-- Written by `make docs` from the endpoints; a test compares the two. -->

Every API key and every operator has one role. Roles have one spelling, in commands, in the API and in
OpenAPI, where `x-tenure-role` names the least role of each operation and `x-tenure-roles` all of them.
A request with another role is refused with 403 `forbidden`, which names the roles that are lacking.
Whatever the role, only the key's own tenant is there: what belongs to another is 404, or not in a list.

How to create, rotate and revoke keys: [operations.md](operations.md#api-keys).

## Roles

{roles}

People (`tenure operators add`) are `read_only`, `operator` or `admin`.

## Endpoints

{endpoints}

Some fields ask for more than their endpoint does: only `operator` and `admin` may set them to true.

{fields}

Some answers differ. Hidden plans (`plan_not_for_sale`) may be assigned by `operator` and `admin` alone. The
link in a banner is null for `read_only`, as anyone who has it can do what its page does. A preview of a change
by `read_only` does not report overage to the payment provider first, which changes nothing there either.

## Without a key

Links and sessions of their own open the pages for customers (`/pricing`, `/billing`, `/pay`,
`/checkout/return`); its signature opens `POST /webhooks/stripe`; `/healthz`, `/readyz`, `/metrics`,
`/pricing.json`, `/openapi.json` and `/docs` answer anyone who reaches them.
"""


def page() -> str:
    """The whole page."""
    return TEXT.format(
        roles=table(("role", "may"), [(f"`{role}`", WHAT[role]) for role in ROLES]),
        endpoints=table(("endpoint", *(f"`{role}`" for role in ROLES)), [row(route) for route in endpoints()]),
        fields=table(("field", "of", "to"), list(fields())),
    )


def endpoints() -> list[APIRoute]:
    """Every endpoint that asks for a key, in the order of the page."""
    found = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    asking = [route for route in found if route.include_in_schema and roles_of(route.dependant)]
    return sorted(asking, key=lambda route: (shown_path(route), method_of(route)))


def method_of(route: APIRoute) -> str:
    return next(iter(route.methods or ()))


def shown_path(route: APIRoute) -> str:
    return route.path_format


def row(route: APIRoute) -> Sequence[str]:
    may = roles_of(route.dependant)
    return (f"`{method_of(route)} {shown_path(route)}`", *(("x" if role in may else "") for role in ROLES))


def fields() -> Iterator[Sequence[str]]:
    names = {route.operation_id: route for route in endpoints()}
    for operation, (field, what) in OPERATOR_FIELDS.items():
        route = names[operation]
        yield f"`{field}`", f"`{method_of(route)} {shown_path(route)}`", what


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join("".join(f"| {cell} " if cell else "| " for cell in line) + "|" for line in lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

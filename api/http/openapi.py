"""What every endpoint's description shares: the problems it may answer with, the headers, the security scheme."""

from collections.abc import Sequence
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.http.errors import CONTENT_TYPE, Problem

DESCRIPTION: Final = """
Runs the life of every subscription: sign-up, trial, conversion, renewals, recovery of failed payments, end.

- **Keys**: `Authorization: Bearer <key>`. A key's role says what it may do.
- **Repeats**: send an `Idempotency-Key` with every POST. A repeat of the same request under the same key is answered as
  the first was, marked `Idempotency-Replayed: true`, and changes nothing more. Where a payment was to be confirmed (402
  `authentication_required`) it is answered as things stand by then.
- **Errors** are problem details (RFC 9457) with a stable `code`. A 409 means that the command is impossible as things
  stand, a 422 that the request is malformed and names the field; neither changes anything. After a 503 a repeat under
  the same key is safe.
- **Bodies** are JSON, also where no `Content-Type` says so; another one is 415. `null` means that nothing is said, as
  if the field were left out. A name that stands twice in one object is refused, as are unknown fields.
- **Times** are RFC 3339 in UTC, **money** is integer minor units with a currency.
"""

TAGS: Final = [
    {"name": "Subscriptions", "description": "Start, read and steer subscriptions."},
    {"name": "Customers", "description": "Who has signed up."},
    {"name": "Entitlements", "description": "May this customer do this? What a product asks all the time."},
    {"name": "Checkout", "description": "Pages on which customers put a card on file, and see their bills."},
    {"name": "Plans", "description": "What is for sale."},
    {"name": "Usage", "description": "What was used, over time."},
    {"name": "Invoices", "description": "Bills of the payment provider."},
    {"name": "Webhooks", "description": "What the payment provider tells us."},
    {"name": "Operations", "description": "Health and metrics."},
]

_WORDS: Final = {
    401: "No valid API key was given",
    402: "The card was declined, or a limit is reached that more money would raise",
    403: "The key's role does not allow this",
    404: "There is no such thing",
    409: "The command is impossible as things stand, or the idempotency key is in use",
    413: "The body is too large",
    415: "The body is not sent as JSON",
    429: "A limit is reached; it starts anew after `Retry-After` seconds",
    422: "The request is malformed; `errors` names the fields",
    503: "Something needed is out of reach; repeat under the same idempotency key after `Retry-After` seconds",
}

Responses = dict[int | str, dict[str, object]]


def problems(*statuses: int, kinds: Sequence[type[Problem]] = (Problem,)) -> Responses:
    """The descriptions of the problems that an endpoint may answer with, each of one of *kinds*."""
    references = [{"$ref": f"#/components/schemas/{kind.__name__}"} for kind in kinds]
    content = {CONTENT_TYPE: {"schema": references[0] if len(references) == 1 else {"anyOf": references}}}
    return {status: {"description": _WORDS[status], "content": content} for status in statuses}


READING: Final = problems(401, 403, 404, 422, 503)
COMMANDING: Final = problems(401, 402, 403, 404, 409, 413, 415, 422, 503)
USING: Final = problems(401, 403, 404, 409, 413, 415, 422, 503)


SCHEME: Final = {
    "apiKey": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "Tenure API key",
        "description": "An API key, made by `tenure keys create --role ROLE`.",
    }
}
"""Described here and not by a dependency of FastAPI's: `api.http.auth` reads the header, once a request."""


def _describe_keys(schema: dict[str, Any]) -> None:
    """All of `/v1` takes a key."""
    schema["components"]["securitySchemes"] = SCHEME
    for path, operations in schema["paths"].items():
        if path.startswith("/v1/"):
            for operation in operations.values():
                operation["security"] = [{name: [] for name in SCHEME}]


def add_description(app: FastAPI, *kinds: type[Problem]) -> None:
    """Describe the API for generators of clients, with all *kinds* of problems that there are besides the usual one."""

    def describe() -> dict[str, object]:
        if app.openapi_schema is None:
            schema = get_openapi(
                title=app.title, version=app.version, description=DESCRIPTION, tags=TAGS, routes=app.routes
            )
            schemas = schema["components"]["schemas"]
            for name in ("HTTPValidationError", "ValidationError"):
                schemas.pop(name, None)
            described_kinds: list[type[Problem]] = [Problem, *kinds]
            for kind in described_kinds:
                described = kind.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
                schemas.update(described.pop("$defs"))
                schemas[kind.__name__] = described
            _describe_keys(schema)
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = describe  # type: ignore[method-assign]

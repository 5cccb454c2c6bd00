"""The OpenAPI description: tags, shared error responses, the security scheme and the names of schemas."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from api.http.auth import roles_of
from api.http.errors import CONTENT_TYPE, Problem

DESCRIPTION: Final = """
Manages the lifecycle of every subscription: sign-up, trial, conversion, renewals, recovery of failed payments, end.

- **API keys**: `Authorization: Bearer <key>`. The key's role determines what it may do: `x-tenure-role` names the least
  one for each operation, `x-tenure-roles` all of them. A 403 names the roles that a key lacks.
- **Idempotency**: send an `Idempotency-Key` with every POST. Repeating the same request under the same key returns the
  first response, marked `Idempotency-Replayed: true`, and changes nothing, for 72 hours. The customer in it is as they
  are known now. Another request under a key that is in use is a 409 `idempotency_key_reused`, where
  draft-ietf-httpapi-idempotency-key-header names 422: here that means that a field is wrong, whatever the key. There
  are two exceptions to a repeat: a payment that needs confirmation (402 `authentication_required`), as repeating it
  returns the current state; and the text of a new API key or webhook secret, which is shown once and null in the
  response to a repeat.
- **Errors** are problem details (RFC 9457) with a stable `code`. 409 means that the current state does not allow the
  command. 422 means that the request is malformed, and names the field. Neither changes anything. After a 503 it is
  safe to retry under the same key.
- **Rates**: each API key may send a number of requests a second, lists fewer and checks more; `RateLimit-Policy` and
  `RateLimit` name that policy `"key"`, behind the limits of the customer's plan where there are any. Beyond it the
  response is a 429 `rate_limited` with `Retry-After`, and nothing was done.
- **Bodies** are JSON, with or without a `Content-Type`; any other type is a 415. `null` is the same as leaving the
  field out. Unknown fields and duplicate names in one object are rejected.
- **Lists** take `cursor`, `limit`, `created_from`, `created_to` and `sort`. The last page is the one whose
  `next_cursor` is null: one that would have to read too much ends early, with fewer rows than `limit` and a cursor.
- **Times** are RFC 3339 in UTC. **Money** is an integer in minor units with a currency.
"""

TAGS: Final = [
    {"name": "Subscriptions", "description": "Create, read and control subscriptions."},
    {"name": "Customers", "description": "Read and update customers."},
    {"name": "Entitlements", "description": "Check and consume what a customer's plan includes."},
    {"name": "Checkout", "description": "Hosted pages for customers: cards, invoices, their own subscription."},
    {"name": "Plans", "description": "The catalog of plans and add-ons."},
    {"name": "Usage", "description": "Record usage, and read it over time."},
    {"name": "Metrics", "description": "Recurring revenue, and what moves it."},
    {"name": "Bulk", "description": "One command for every subscription of a list."},
    {"name": "Invoices", "description": "Invoices of the payment provider."},
    {"name": "Audit", "description": "Who asked for what, and the outcome."},
    {"name": "API keys", "description": "Who may call this API."},
    {"name": "Events", "description": "Events for products: the feed, webhook endpoints and deliveries."},
    {"name": "Webhooks", "description": "Receives events of the payment provider."},
    {
        "name": "Operations",
        "description": "The state of the engine: health, inbox, discrepancies, mails, Schedules, system.",
    },
]

_PROBLEM_DESCRIPTIONS: Final = {
    401: "No valid API key was sent",
    402: "The card was declined, or a limit is reached that a payment would raise",
    403: "The key's role or the customer's plan does not allow this",
    404: "The resource does not exist",
    409: "The current state does not allow the command, or the idempotency key is in use: by the same request, which "
    "is still running, or by another one (where draft-ietf-httpapi-idempotency-key-header has 422)",
    413: "The body is too large",
    415: "The body is not sent as JSON",
    429: "Too many requests of this API key or address (`rate_limited`), or a limit of the customer's plan is reached "
    "(`limit_reached`). `Retry-After` says when to send it again",
    422: "The request is malformed; `errors` names the fields",
    502: "The payment provider refused what Tenure sent, although the request itself is valid",
    503: "A dependency is unavailable; retry under the same idempotency key after `Retry-After` seconds",
}

_SUFFIX: Final = "View"

ROLE: Final = "x-tenure-role"
ROLES: Final = "x-tenure-roles"

Responses = dict[int | str, dict[str, object]]


def problems(*statuses: int, kinds: Sequence[type[Problem]] = (Problem,)) -> Responses:
    """The descriptions of an endpoint's error responses, each one of *kinds*."""
    references = [{"$ref": f"#/components/schemas/{kind.__name__}"} for kind in kinds]
    content = {CONTENT_TYPE: {"schema": references[0] if len(references) == 1 else {"anyOf": references}}}
    return {status: {"description": _PROBLEM_DESCRIPTIONS[status], "content": content} for status in statuses}


READING: Final = problems(401, 403, 404, 422, 503)
COMMANDING: Final = problems(401, 402, 403, 404, 409, 413, 415, 422, 502, 503)
USING: Final = problems(401, 403, 404, 409, 413, 415, 422, 503)


SCHEME: Final = {
    "apiKey": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "Tenure API key",
        "description": "An API key, created by `tenure keys create --role ROLE` or `POST /v1/api-keys`.",
    }
}
"""Described here and not by a FastAPI dependency: `api.http.auth` reads the header once per request."""


_HEADERS: Final = {
    "RateLimit-Policy": {
        "description": 'the limits that apply: those of the customer\'s plan, then `"key"`, the rate of the API key '
        '(or `"address"`, of callers without one), as `"name";q=quota;w=seconds`',
        "schema": {"type": "string"},
        "example": '"key";q=100;w=1',
    },
    "RateLimit": {
        "description": 'what is left of each, and in how many seconds it resets, as `"name";r=left;t=seconds`',
        "schema": {"type": "string"},
        "example": '"key";r=99;t=1',
    },
    "Retry-After": {"description": "seconds to wait", "schema": {"type": "integer", "minimum": 0}},
}


def _require_api_key(schema: dict[str, Any]) -> None:
    """Mark every operation below `/v1` as requiring an API key, whose rate is limited."""
    schema["components"]["securitySchemes"] = SCHEME
    schema["components"]["headers"] = _HEADERS
    for path, operations in schema["paths"].items():
        if path.startswith("/v1/"):
            for operation in operations.values():
                operation["security"] = [{name: [] for name in SCHEME}]
                _limit_rate(operation["responses"])


def _limit_rate(responses: dict[str, dict[str, Any]]) -> None:
    responses.setdefault("429", problems(429)[429])
    for status, response in responses.items():
        names = [name for name in _HEADERS if name != "Retry-After" or status in ("429", "503")]
        headers = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
        response["headers"] = headers | response.get("headers", {})


def _name_roles(schema: dict[str, Any], routes: Sequence[APIRoute]) -> None:
    """Name the roles that may call each operation; those that ask for no key have none."""
    for route in routes:
        if route.include_in_schema and (roles := roles_of(route.dependant)):
            for method in route.methods or ():
                operation = schema["paths"][route.path_format][method.lower()]
                operation |= {ROLE: roles[0].value, ROLES: [role.value for role in roles]}


def _without_view_suffix(value: Any) -> Any:
    """Rename the schemas: `SubscriptionView` is `Subscription`, and so on.

    Generated clients name their classes after schemas. The suffix keeps our Python classes apart from the domain's.
    """
    match value:
        case dict():
            return {
                key: one.removesuffix(_SUFFIX) if key == "$ref" else _without_view_suffix(one)
                for key, one in value.items()
            }
        case list():
            return [_without_view_suffix(one) for one in value]
    return value


def _rename_schemas(schema: dict[str, Any]) -> dict[str, Any]:
    renamed: dict[str, Any] = _without_view_suffix(schema)
    schemas = {}
    for name, described in renamed["components"]["schemas"].items():
        public_name = name.removesuffix(_SUFFIX)
        assert public_name not in schemas, f"two schemas are named {public_name}"  # noqa: S101 - a mistake in our code
        schemas[public_name] = described | {"title": public_name}
    renamed["components"]["schemas"] = schemas
    return renamed


def add_description(
    app: FastAPI,
    endpoints: Sequence[APIRoute],
    *kinds: type[Problem],
    describe_webhooks: Callable[[dict[str, Any]], None],
) -> None:
    """Set the app's OpenAPI description of its *endpoints*, with all *kinds* of problems besides the common one.

    *describe_webhooks* adds what products are sent.
    """

    def describe() -> dict[str, object]:
        if app.openapi_schema is None:
            schema = get_openapi(
                title=app.title, version=app.version, description=DESCRIPTION, tags=TAGS, routes=app.routes
            )
            schemas = schema["components"]["schemas"]
            for name in ("HTTPValidationError", "ValidationError"):
                schemas.pop(name, None)
            problem_kinds: list[type[Problem]] = [Problem, *kinds]
            for kind in problem_kinds:
                described = kind.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
                schemas.update(described.pop("$defs"))
                schemas[kind.__name__] = described
            describe_webhooks(schema)
            _require_api_key(schema)
            _name_roles(schema, endpoints)
            app.openapi_schema = _rename_schemas(schema)
        return app.openapi_schema

    app.openapi = describe  # type: ignore[method-assign]

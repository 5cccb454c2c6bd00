"""Maps errors to HTTP responses: problem details (RFC 9457). Nothing else knows HTTP statuses."""

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Final

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from api.http.error_codes import ERROR_CODES
from api.http.request_context import current_request
from domain.errors import (
    GatewayBusy,
    GatewayRefused,
    GatewayUnavailable,
    LimitReached,
    Malformed,
    Rejected,
    TenureError,
)

log = structlog.get_logger("tenure.api")

CONTENT_TYPE: Final = "application/problem+json"

STATUS_OF_CODE: Final[Mapping[str, int]] = {
    "access_limited": 403,
    "authentication_required": 402,
    "bad_event": 400,
    "bad_link": 404,
    "bad_signature": 400,
    "card_declined": 402,
    "feature_not_in_plan": 403,
    "forbidden": 403,
    "future_signature": 400,
    "limit_reached": 429,
    "no_plan": 403,
    "payment_declined": 402,
    "payment_not_confirmed": 402,
    "quota_used_up": 402,
    "rate_limited": 429,
    "refund_limit": 403,
    "stale_signature": 400,
    "unauthorized": 401,
    "unknown_api_key": 404,
    "unknown_bulk_run": 404,
    "unknown_customer": 404,
    "unknown_delivery": 404,
    "unknown_discrepancy": 404,
    "unknown_event": 404,
    "unknown_feature": 404,
    "unknown_invoice": 404,
    "unknown_mail": 404,
    "unknown_plan": 404,
    "unknown_schedule": 404,
    "unknown_subscription": 404,
    "unknown_use": 404,
    "unknown_webhook_endpoint": 404,
    "wrong_account": 400,
    "wrong_mode": 400,
}
"""Codes with a status of their own; others get theirs from the class of their error."""

PUBLIC_CODE: Final[Mapping[str, str]] = {"quota_used_up": "limit_reached"}
"""Codes that differ only in status, and the code that callers see."""

CODE_OF_STATUS: Final[Mapping[int, str]] = {
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
}

OTHER_CODE: Final = "refused"
"""The code of any other status."""

RETRY_AFTER_SECONDS: Final[Mapping[str, int]] = {
    "request_in_progress": 1,
    "outcome_unknown": 2,
    "overloaded": 1,
    "still_working": 2,
    "subscription_busy": 2,
}
RETRY_AFTER_OUTAGE: Final = 5

PUBLIC_DETAIL: Final[Mapping[str, str]] = {
    "database_unavailable": "the database is unavailable; try again later",
    "temporal_unavailable": "the workflow engine is unavailable; try again later",
}
"""Shown in place of messages that contain internal addresses; those are logged."""

PYDANTIC_DETAILS: Final[Mapping[str, str]] = {
    "extra_forbidden": "unknown field",
    "missing": "this field is required",
    "json_invalid": "the body is not valid JSON",
    "model_attributes_type": "this must be a JSON object",
}


class RateLimited(Rejected):
    """The caller sends too many requests."""

    code = "rate_limited"

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds until the next one is allowed."""


class FieldProblem(BaseModel):
    """What is wrong with one field."""

    field: str = Field(examples=["customer.timezone"])
    detail: str = Field(examples=["'Mars/Olympus' is not a time zone; use an IANA name such as 'Europe/Berlin'"])


class Problem(BaseModel):
    """Why a request failed (RFC 9457). Some codes add members, described at their endpoints."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(
        description="where the code is explained", examples=["https://billing.example.com/docs/errors#malformed"]
    )
    title: str = Field(examples=["Malformed"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["customer.timezone: 'Mars/Olympus' is not a time zone"])
    code: str = Field(description="stable and machine-readable", examples=["malformed"])
    request_id: str = Field(
        description="also in the header `X-Request-Id` and in the log; a response that is replayed has the first "
        "request's",
        examples=["5f0c1c7e9d6b4a0f8f3d2b1a09876543"],
    )
    errors: list[FieldProblem] = Field(default_factory=list)


def status_of(error: TenureError) -> int:
    """Return the HTTP status for an error."""
    if isinstance(error, Malformed):
        return 422
    if error.code in STATUS_OF_CODE:
        return STATUS_OF_CODE[error.code]
    if isinstance(error, GatewayRefused):
        # Without a field the caller has nothing to fix: we sent the provider something it does not know.
        return 422 if error.field else 502
    if isinstance(error, GatewayUnavailable):
        return 503
    return 409 if isinstance(error, Rejected) else 500


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    errors: Sequence[FieldProblem] = (),
    headers: Mapping[str, str] | None = None,
    details: Mapping[str, object] | None = None,
) -> Response:
    """Return an error response; *details* become additional members."""
    request = current_request()
    body = Problem(
        **(details or {}),
        type=request.explains(code),
        title=code.replace("_", " ").capitalize(),
        status=status,
        detail=detail,
        code=code,
        request_id=request.request_id,
        errors=list(errors),
    )
    response = JSONResponse(
        body.model_dump(mode="json"), status_code=status, headers=dict(headers or {}), media_type=CONTENT_TYPE
    )
    if status == 503 or code in RETRY_AFTER_SECONDS:
        response.headers.setdefault("Retry-After", str(RETRY_AFTER_SECONDS.get(code, RETRY_AFTER_OUTAGE)))
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="tenure"'
    return response


def response_to(error: Exception) -> Response | None:
    """Return the response to an expected error, or None for our own bug, which must not be hidden."""
    match error:
        case TenureError():
            return _from_tenure_error(error)
        case RequestValidationError():
            return _from_validation_error(error)
        case HTTPException():
            return _from_http_exception(error)
        case PoolTimeout():
            return problem(503, "database_unavailable", PUBLIC_DETAIL["database_unavailable"])
    return None


def _from_tenure_error(error: TenureError) -> Response:
    status = status_of(error)
    if status >= 500:
        log.warning("dependency unavailable", code=error.code, error=error.message)
    field = getattr(error, "field", None)
    by_part = {field: error.message} if field else error.by_part
    errors = [FieldProblem(field=part, detail=detail) for part, detail in by_part.items()]
    wait = error.retry_after if isinstance(error, GatewayBusy | LimitReached | RateLimited) else 0.0
    # Waiting does not help a customer who has to pay first.
    headers = {"Retry-After": str(ceil(wait))} if wait and status != 402 else None
    code, details = PUBLIC_CODE.get(error.code, error.code), dict(error.details)
    if isinstance(error, GatewayRefused) and code not in ERROR_CODES:
        # The provider's own, of which there are hundreds.
        code, details["provider_code"] = GatewayRefused.code, error.code
    detail = PUBLIC_DETAIL.get(error.code, error.message)
    return problem(status, code, detail, errors=errors, headers=headers, details=details)


def _from_http_exception(error: HTTPException) -> Response:
    status, detail = error.status_code, str(error.detail)
    if status == 400:
        # Raised only for unreadable JSON: not UTF-8, nested too deeply, or a number with thousands of digits.
        return _from_tenure_error(Malformed("the body cannot be read as JSON", field="body"))
    errors = [FieldProblem(field="body", detail=detail)] if status in (413, 415) else []
    code = CODE_OF_STATUS.get(status, OTHER_CODE)
    return problem(status, code, detail, errors=errors, headers=error.headers)


def _from_validation_error(error: RequestValidationError) -> Response:
    errors = [_field_problem(one["loc"], one["type"], one["msg"]) for one in error.errors()]
    return problem(422, Malformed.code, _summary(errors), errors=errors)


def validation_detail(error: ValidationError, part: str) -> str:
    """Describe the errors in a part of a body that is validated separately."""
    return _summary([_field_problem((part, *one["loc"]), one["type"], one["msg"]) for one in error.errors()])


def _summary(errors: Sequence[FieldProblem]) -> str:
    return "; ".join(f"{one.field}: {one.detail}" for one in errors[:5])


def _field_problem(where: Sequence[str | int], kind: str, message: str) -> FieldProblem:
    place, *path = where
    if kind == "json_invalid":
        return FieldProblem(field="body", detail=f"{PYDANTIC_DETAILS[kind]} (at character {path[0] if path else 0})")
    detail = PYDANTIC_DETAILS.get(kind) or message.removeprefix("Value error, ")
    # Steps in brackets are pydantic's own: keys of a mapping, and which of several models a body is.
    steps = [str(step) for step in path if not str(step).startswith("[")]
    return FieldProblem(field=".".join(steps) or str(place), detail=detail[:1].lower() + detail[1:])


async def handle_expected(request: Request, error: Exception) -> Response:
    """Return the problem for an expected error."""
    if isinstance(error, HTTPException) and error.status_code in (404, 405) and request.url.path[1:].endswith("/"):
        # A 405 here may come from a route whose parameter matches any path.
        error = HTTPException(404, "nothing exists at this path; try it without the trailing slash")
    response = response_to(error)
    if response is None:
        raise error
    return response


def add_error_handlers(app: FastAPI) -> None:
    """Respond to expected errors with a problem; `api.http.middleware` logs and handles all others."""
    for kind in (TenureError, RequestValidationError, HTTPException, PoolTimeout):
        app.add_exception_handler(kind, handle_expected)

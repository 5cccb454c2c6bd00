"""The one place where errors become HTTP answers: problem details as of RFC 9457."""

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
    "stale_signature": 400,
    "unauthorized": 401,
    "unknown_customer": 404,
    "unknown_feature": 404,
    "unknown_plan": 404,
    "unknown_subscription": 404,
    "unknown_use": 404,
    "wrong_account": 400,
    "wrong_mode": 400,
}
"""Codes that are told by a status of their own; all others by the kind of their error."""

PUBLIC_CODE: Final[Mapping[str, str]] = {"quota_used_up": "limit_reached"}
"""Codes that differ by their status alone, and the one that callers know them by."""

CODE_OF_STATUS: Final[Mapping[int, str]] = {
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
}

RETRY_AFTER_SECONDS: Final[Mapping[str, int]] = {"request_in_progress": 1, "still_working": 2, "subscription_busy": 2}
RETRY_AFTER_OUTAGE: Final = 5

PUBLIC_DETAIL: Final[Mapping[str, str]] = {
    "database_unavailable": "the database does not answer; try again later",
    "temporal_unavailable": "the workflow engine does not answer; try again later",
}
"""Told to callers in place of messages that hold addresses of ours; those are logged."""

PYDANTIC_DETAILS: Final[Mapping[str, str]] = {
    "extra_forbidden": "there is no such field",
    "missing": "this is needed",
    "json_invalid": "the body is not valid JSON",
    "model_attributes_type": "this must be a JSON object",
}


class FieldProblem(BaseModel):
    """What is wrong with one field."""

    field: str = Field(examples=["customer.timezone"])
    detail: str = Field(examples=["'Mars/Olympus' is no time zone; use a name as 'Europe/Berlin'"])


class Problem(BaseModel):
    """Why a request was not carried out (RFC 9457); some codes come with more members, as their endpoints say."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["urn:tenure:error:malformed"])
    title: str = Field(examples=["Malformed"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["customer.timezone: 'Mars/Olympus' is no time zone"])
    code: str = Field(description="stable, for programs", examples=["malformed"])
    errors: list[FieldProblem] = Field(default_factory=list)


def status_of(error: TenureError) -> int:
    """The HTTP status that tells what became of a request."""
    if isinstance(error, Malformed):
        return 422
    if error.code in STATUS_OF_CODE:
        return STATUS_OF_CODE[error.code]
    if isinstance(error, GatewayRefused):
        # Without a field the caller has nothing to mend: we asked the provider for something it does not know.
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
    """An answer that says what went wrong; *details* become members beside the usual ones."""
    body = Problem(
        **(details or {}),
        type=f"urn:tenure:error:{code}",
        title=code.replace("_", " ").capitalize(),
        status=status,
        detail=detail,
        code=code,
        errors=list(errors),
    )
    answer = JSONResponse(
        body.model_dump(mode="json"), status_code=status, headers=dict(headers or {}), media_type=CONTENT_TYPE
    )
    if status == 503 or code in RETRY_AFTER_SECONDS:
        answer.headers.setdefault("Retry-After", str(RETRY_AFTER_SECONDS.get(code, RETRY_AFTER_OUTAGE)))
    if status == 401:
        answer.headers["WWW-Authenticate"] = 'Bearer realm="tenure"'
    return answer


def response_to(error: Exception) -> Response | None:
    """The answer to an expected error; None for a fault of ours, which must stay loud."""
    match error:
        case TenureError():
            return _of_ours(error)
        case RequestValidationError():
            return _of_validation(error)
        case HTTPException():
            return _of_framework(error)
        case PoolTimeout():
            return problem(503, "database_unavailable", PUBLIC_DETAIL["database_unavailable"])
    return None


def _of_ours(error: TenureError) -> Response:
    status = status_of(error)
    if status >= 500:
        log.warning("outside unavailable", code=error.code, error=error.message)
    field = getattr(error, "field", None)
    by_part = {field: error.message} if field else error.by_part
    errors = [FieldProblem(field=part, detail=detail) for part, detail in by_part.items()]
    wait = error.retry_after if isinstance(error, GatewayBusy | LimitReached) else 0.0
    # Who has to pay first need not come again by then.
    headers = {"Retry-After": str(ceil(wait))} if wait and status != 402 else None
    code, said = PUBLIC_CODE.get(error.code, error.code), PUBLIC_DETAIL.get(error.code, error.message)
    return problem(status, code, said, errors=errors, headers=headers, details=error.details)


def _of_framework(error: HTTPException) -> Response:
    status, detail = error.status_code, str(error.detail)
    if status == 400:
        # Raised for one cause alone: not UTF-8, nested too deeply, a number of thousands of digits.
        return _of_ours(Malformed("the body cannot be read as JSON", field="body"))
    errors = [FieldProblem(field="body", detail=detail)] if status in (413, 415) else []
    code = CODE_OF_STATUS.get(status, "refused")
    return problem(status, code, detail, errors=errors, headers=error.headers)


def _of_validation(error: RequestValidationError) -> Response:
    errors = [_field_problem(one["loc"], one["type"], one["msg"]) for one in error.errors()]
    return problem(422, Malformed.code, _told(errors), errors=errors)


def said_of(error: ValidationError, part: str) -> str:
    """What is wrong with one part of a body that is read by itself, in the same words."""
    return _told([_field_problem((part, *one["loc"]), one["type"], one["msg"]) for one in error.errors()])


def _told(errors: Sequence[FieldProblem]) -> str:
    return "; ".join(f"{one.field}: {one.detail}" for one in errors[:5])


def _field_problem(where: Sequence[str | int], kind: str, message: str) -> FieldProblem:
    place, *path = where
    if kind == "json_invalid":
        return FieldProblem(field="body", detail=f"{PYDANTIC_DETAILS[kind]} (at character {path[0] if path else 0})")
    said = PYDANTIC_DETAILS.get(kind) or message.removeprefix("Value error, ")
    steps = [str(step) for step in path if step != "[key]"]
    return FieldProblem(field=".".join(steps) or str(place), detail=said[:1].lower() + said[1:])


async def _on_expected(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException) and error.status_code in (404, 405) and request.url.path[1:].endswith("/"):
        # A path that takes other methods may be another one's, which holds anything.
        error = HTTPException(404, "there is nothing at this path; without the slash at its end there may be")
    answer = response_to(error)
    if answer is None:
        raise error
    return answer


def add_error_handlers(app: FastAPI) -> None:
    """Answer every expected error with a problem; the rest is logged and answered by `api.http.observability`."""
    for kind in (TenureError, RequestValidationError, HTTPException, PoolTimeout):
        app.add_exception_handler(kind, _on_expected)

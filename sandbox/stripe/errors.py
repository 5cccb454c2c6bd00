"""The simulator's errors, with Stripe's texts and format."""

from typing import Any

DOCS = "https://stripe.com/docs/error-codes/"


class StripeFailure(Exception):
    """An error response.

    Args:
        status: of HTTP.
        kind: `error.type` on the wire.
        message: for people.
        ran: whether execution reached a bank, or found the request already done.
        keeps: whether changes before the refusal stay: a failed charge was still attempted.
        fields: further fields of the envelope; those that are None are left out.

    """

    def __init__(
        self, status: int, kind: str, message: str, *, ran: bool = False, keeps: bool = False, **fields: Any
    ) -> None:
        super().__init__(message)
        self.status = status
        self.ran = ran or keeps
        self.keeps = keeps
        self.headers: dict[str, str] = {}
        code = fields.get("code")
        envelope = {"type": kind, "message": message, **fields}
        if code:
            envelope["doc_url"] = DOCS + code.replace("_", "-")
        self.body = {"error": {name: value for name, value in envelope.items() if value is not None}}


def invalid(message: str, *, param: str | None = None, code: str | None = None) -> StripeFailure:
    return StripeFailure(400, "invalid_request_error", message, param=param, code=code)


def missing_resource(noun: str, reference: str, *, param: str = "id", status: int = 404) -> StripeFailure:
    """An unknown id: 404 when it is in the path, 400 when it is a parameter."""
    return StripeFailure(
        status,
        "invalid_request_error",
        f"No such {noun}: '{reference}'",
        param=param,
        code="resource_missing",
    )


def unauthorized(message: str) -> StripeFailure:
    return StripeFailure(401, "invalid_request_error", message)

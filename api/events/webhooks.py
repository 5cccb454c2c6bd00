"""The events under `webhooks` of the OpenAPI description: what an endpoint of a product is sent."""

from typing import Any, Final

from api.events.schemas import schemas
from domain.events.meanings import MEANINGS
from domain.events.signatures import ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER

_TEMPLATE: Final = "#/components/schemas/{model}"
_HEADERS: Final = {
    ID_HEADER: "the event's `id`: the same each time that it is sent",
    TIMESTAMP_HEADER: "when this attempt was made, in seconds since 1970",
    SIGNATURE_HEADER: "`v1,` and a signature, as Standard Webhooks 1.0.0 describes; several while a secret is replaced",
}


def describe_events(schema: dict[str, Any]) -> None:
    """Add every type of event to an OpenAPI description."""
    webhooks: dict[str, Any] = {}
    for type_, model in sorted(schemas().items()):
        described = model.model_json_schema(ref_template=_TEMPLATE, mode="serialization")
        schema["components"]["schemas"] |= described.pop("$defs", {})
        schema["components"]["schemas"][model.__name__] = described
        of_this_type = {"type": "object", "properties": {"type": {"const": type_.value}}}
        reference = {"$ref": _TEMPLATE.format(model=model.__name__)}
        webhooks[type_.value] = {"post": _operation(MEANINGS[type_], {"allOf": [reference, of_this_type]})}
    schema["webhooks"] = webhooks


def _operation(meaning: str, body: dict[str, Any]) -> dict[str, Any]:
    return {
        "summary": meaning,
        "tags": ["Events"],
        "parameters": [
            {"name": name, "in": "header", "required": True, "schema": {"type": "string"}, "description": description}
            for name, description in _HEADERS.items()
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {
            "2XX": {"description": "The endpoint has it. Anything else, or no answer within 20 s, is tried again"},
            "410": {"description": "The endpoint wants nothing more: it is disabled"},
        },
    }

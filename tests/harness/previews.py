"""What a caller who was shown a preview says with the change, so that the hour may turn in between."""

from collections.abc import Mapping
from typing import Any


def as_shown(preview: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a change at the price of this preview."""
    return {"expected_due": preview["due_now"], "preview_at": preview["preview_at"]}

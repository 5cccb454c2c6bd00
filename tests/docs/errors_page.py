"""Writes docs/errors.md from the error codes: `python -m tests.docs.errors_page`."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from api.http.error_codes import ERROR_CODES
from tests.docs.answered_codes import Place, codes_in_source, statuses

PAGE = Path(__file__).parents[2] / "docs" / "errors.md"
ELSEWHERE = "In commands and logs only"

HEAD = """\
# Errors

The API answers errors as problem details (RFC 9457): `application/problem+json` with `type`, `title`, `status`,
`detail`, `code`, `errors` and `request_id`. Programs decide by `code`, which is stable; `detail` is for people and may
change. `type` is the address at which the installation itself explains the code (`/docs/errors`). `request_id` is also
in the header `X-Request-Id`, in the log line of the request and, as a reference, on pages that report an error. A
response that is replayed under its `Idempotency-Key` has the `request_id` of the first request.

Errors of the client `tenure.client` that never reached the API have a `type` of the form `urn:tenure:error:<code>`.

This page is written by `make docs` from `api/http/error_codes.toml`.
"""


def page() -> str:
    """The page as it follows from the code now."""
    found = codes_in_source()
    return "\n".join([HEAD, *_sections(found)])


def _sections(found: dict[str, set[Place]]) -> Iterator[str]:
    for group, codes in groupby(ERROR_CODES.values(), key=lambda one: one.group):
        yield f"## {group}\n"
        for one in codes:
            answered = "" if group == ELSEWHERE else " or ".join(map(str, statuses(one.code, found[one.code])))
            yield f"### `{one.code}`\n"
            yield f"{f'Status {answered}. ' if answered else ''}{one.means}\n"
            yield f"**What to do:** {one.do}\n"


if __name__ == "__main__":
    PAGE.write_text(page().rstrip("\n") + "\n", encoding="utf-8")

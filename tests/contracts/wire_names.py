"""Keeps `wire_names.json`: all that running workflows, the database, Stripe, mails and operators know of us by name.

    python -m tests.contracts.wire_names

rewrites it. What was added shows in the diff; what is gone or has changed there is a break: something that was
started, written or sent under the old name will not be known again. What only tests bring about (`recorded`) is added
by a run of these with `--pin-wire`, and taken out by hand.
"""

import json
from collections.abc import Mapping
from typing import Any

from tests.contracts.wire import database, examples, operations, source, temporal
from tests.contracts.wire.kept import FILE, RECORDED, differences, written

COMMAND = "python -m tests.contracts.wire_names"


def current(kept: Mapping[str, Any]) -> dict[str, Any]:
    """All names as the code at hand has them; what only tests bring about as it is *kept*."""
    return {
        "temporal": temporal.found(),
        "database": database.found(),
        "stripe": {"metadata": sorted(source.stripe_names())},
        "keys, ids and addresses": sorted(source.composed()),
        "worked out": examples.found(),
        "signing purposes": sorted(source.signing_purposes()),
        "operations": operations.found(),
        RECORDED: kept.get(RECORDED, {}),
    }


if __name__ == "__main__":
    kept = json.loads(FILE.read_text()) if FILE.exists() else {}
    now = current(kept)
    FILE.write_text(written(now))
    print("\n".join(differences(kept, now)) or "nothing has changed")  # noqa: T201 - it is a command

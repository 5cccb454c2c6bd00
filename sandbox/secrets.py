"""The keys of a sandbox, generated at its first start and stored in its folder."""

import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Secrets:
    admin_key: str
    webhook_secret: str
    secret_key: str
    stripe_key: str

    @classmethod
    def of(cls, folder: Path) -> "Secrets":
        """The folder's secrets; generated if there are none yet, readable only by the owner."""
        file = folder / "secrets.json"
        if file.exists():
            return cls(**json.loads(file.read_text()))
        made = cls(
            admin_key=f"tn_test_{secrets.token_urlsafe(24)}",
            webhook_secret=f"whsec_{secrets.token_urlsafe(24)}",
            secret_key=secrets.token_urlsafe(48),
            stripe_key=f"sk_test_{secrets.token_urlsafe(24)}",
        )
        file.touch(mode=0o600)
        file.write_text(json.dumps(asdict(made)))
        return made

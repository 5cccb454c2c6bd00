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
    trial_key: str

    @classmethod
    def of(cls, folder: Path) -> "Secrets":
        """The folder's secrets, readable only by the owner; those that are not there yet are generated."""
        file = folder / "secrets.json"
        known = json.loads(file.read_text()) if file.exists() else {}
        new = {
            "admin_key": f"tn_test_{secrets.token_urlsafe(24)}",
            "webhook_secret": f"whsec_{secrets.token_urlsafe(24)}",
            "secret_key": secrets.token_urlsafe(48),
            "stripe_key": f"sk_test_{secrets.token_urlsafe(24)}",
            "trial_key": secrets.token_urlsafe(48),
        }
        made = cls(**new | known)
        if asdict(made) != known:
            file.touch(mode=0o600)
            file.write_text(json.dumps(asdict(made)))
        return made

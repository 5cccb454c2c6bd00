"""Variables with which every process can run."""

from pathlib import Path

import pytest

from configuration.loading import Process, SettingsError, load_settings

NO_FILE = Path("no.env")
GOOD = {
    "TENURE_DATABASE_URL": "postgresql://tenure:hunter2@db.internal:5432/tenure",
    "TENURE_TEMPORAL_ADDRESS": "temporal.internal:7233",
    "TENURE_PUBLIC_URL": "https://billing.acme.com/",
    "TENURE_SECRET_KEY": "q3xUu1kV8mB0sLr7ZtYw2NfKe5cHj9PaDgQi6oXv",
    "TENURE_TRIAL_KEY": "mN4vRt8yWq2zXc6bLk9jHg3fDs7aPo5iUeT1rYw0",
    "TENURE_STRIPE_API_KEY": "sk_test_51HxT0pAbCdEfGhIjKlMn",
    "TENURE_STRIPE_WEBHOOK_SECRETS": "whsec_aaaabbbbccccddddeeee, whsec_ffffgggghhhhiiiijjjj",
    "TENURE_SMTP_URL": "smtp+starttls://acme:hunter2@mail.internal:587",
    "TENURE_MAIL_FROM": "Acme Billing <billing@acme.com>",
    "TENURE_CATALOG": "catalog.yaml",
    "TENURE_POLICY": "policy.yaml",
    "TENURE_DEPLOYMENT": "tenure",
    "TENURE_BUILD_ID": "0.1.0-a3f9c21",
}


NEEDED_BY_ONE = {"TENURE_PAYLOAD_KEYS": f"2026-11:{'A' * 43}="}
"""Which others can do without."""


def refused(process: Process, env_file: Path = NO_FILE) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        load_settings(process, env_file)
    return caught.value

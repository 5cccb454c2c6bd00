"""How long data is kept that is not kept for good."""

from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator

from configuration.base_settings import Settings
from domain.retention import DEFAULT, DEFAULT_MONTHS, LEAST, LEAST_MONTHS, Retention, months

MOST = 36_500
"""Of any unit: a hundred years in days, so that no moment before them is out of bounds."""
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def _number(unit: str, least: int) -> BeforeValidator:
    def check(text: object) -> object:
        number = str(text).strip()
        if not (number.isascii() and number.isdigit() and len(number) <= len(str(MOST)) and int(number) <= MOST):
            raise ValueError(f"must be a number of {unit} up to {MOST}, not {number!r}")
        if int(number) < least:
            raise ValueError(f"must be {least} {unit} or more, not {number}: see docs/operations.md, Retention")
        return int(number)

    return BeforeValidator(check)


class RetentionSettings(Settings):
    """How long the roll-up keeps data; the units are in the names."""

    retention_webhooks_days: Annotated[int, _number("days", LEAST.webhooks // DAY)] = DEFAULT.webhooks // DAY
    retention_mail_facts_days: Annotated[int, _number("days", LEAST.mail_facts // DAY)] = DEFAULT.mail_facts // DAY
    retention_idempotency_hours: Annotated[int, _number("hours", LEAST.idempotency_keys // HOUR)] = (
        DEFAULT.idempotency_keys // HOUR
    )
    retention_usage_days: Annotated[int, _number("days", LEAST.usage // DAY)] = DEFAULT.usage // DAY
    retention_counters_months: Annotated[int, _number("months", LEAST_MONTHS)] = DEFAULT_MONTHS
    retention_events_days: Annotated[int, _number("days", LEAST.events // DAY)] = DEFAULT.events // DAY
    retention_bulk_days: Annotated[int, _number("days", LEAST.bulk_runs // DAY)] = DEFAULT.bulk_runs // DAY

    @property
    def retention(self) -> Retention:
        """All of them."""
        return Retention(
            webhooks=self.retention_webhooks_days * DAY,
            mail_facts=self.retention_mail_facts_days * DAY,
            idempotency_keys=self.retention_idempotency_hours * HOUR,
            usage=self.retention_usage_days * DAY,
            long_counters=months(self.retention_counters_months),
            events=self.retention_events_days * DAY,
            bulk_runs=self.retention_bulk_days * DAY,
        )

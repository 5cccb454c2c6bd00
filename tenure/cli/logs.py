"""Logging: one line per event, as text or as JSON."""

import logging
import sys
from typing import TextIO

import structlog
from structlog.types import Processor

from activities.failures import as_tenure_error


def configure(*, as_json: bool, level: str = "INFO", stream: TextIO | None = None) -> None:
    """Format our own events and those of all libraries alike."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    last: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if as_json:
        last += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    else:
        # Not the pretty tracebacks, which show the values of variables, including names and addresses.
        plainly = structlog.dev.plain_traceback
        last += [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=plainly)]
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processors=last, foreign_pre_chain=shared))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    of_activities = logging.getLogger("temporalio.activity")
    if not any(isinstance(one, ExpectedErrors) for one in of_activities.filters):
        of_activities.addFilter(ExpectedErrors())
    for chatty in ("httpx", "httpcore", "stripe", "uvicorn.error", "alembic", "mail.log"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


class ExpectedErrors(logging.Filter):
    """Logs a refusal or an outage in one line instead of three tracebacks; bugs keep their traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = as_tenure_error(record.exc_info[1]) if record.exc_info else None
        if error is None:
            return True
        about = record.__dict__.pop("temporal_activity", {})
        record.__dict__.pop("__temporal_error_identifier", None)
        record.exc_info = record.exc_text = None
        record.msg, record.args = "step refused", ()
        record.__dict__ |= {"code": error.code, "why": error.message}
        record.__dict__ |= {name: about[name] for name in ("activity_type", "workflow_id", "attempt") if name in about}
        return True

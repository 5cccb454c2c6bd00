"""What all settings are read from, and what every process has."""

from enum import StrEnum

from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "TENURE_"


class LogFormat(StrEnum):
    """Log format: JSON or text."""

    JSON = "json"
    CONSOLE = "console"


class LogLevel(StrEnum):
    """The lowest level that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Settings(BaseSettings):
    """Settings of every process."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    log_format: LogFormat = LogFormat.JSON
    log_level: LogLevel = LogLevel.INFO

"""Reads the settings of a process, and reports errors in plain words."""

import os
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Literal, overload

from dotenv import dotenv_values
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from configuration.base_settings import PREFIX, Settings
from configuration.settings import (
    ApiSettings,
    CodecServerSettings,
    DatabaseSettings,
    DeploymentSettings,
    ErasureSettings,
    EverySetting,
    ImportSettings,
    KeySettings,
    MetricsSettings,
    MigrateSettings,
    OperatorSettings,
    PushSettings,
    SignInSettings,
    TemporalSettings,
    WebhookSettings,
    WorkerSettings,
)
from domain.did_you_mean import nearest
from domain.errors import TenureError

ENV_FILE = Path(".env")


class SettingsError(TenureError):
    """Invalid settings; `problems` has one line each, without secrets."""

    code = "settings_error"

    def __init__(self, process: "Process", problems: list[str]) -> None:
        lines = "".join(f"\n  {problem}" for problem in problems)
        super().__init__(f"{process} cannot run with these settings (.env.example explains them):{lines}")
        self.problems = tuple(problems)


class Process(StrEnum):
    """The process that the settings are for."""

    API = "tenure api"
    WORKER = "tenure worker"
    MIGRATE = "tenure migrate"
    KEYS = "tenure keys"
    OPERATORS = "tenure operators"
    OPERATORS_LINK = "tenure operators link"
    TENANTS = "tenure tenants"
    CATALOG = "tenure catalog push"
    CATALOG_DIFF = "tenure catalog diff"
    POLICY_PUSH = "tenure policy push"
    POLICY = "tenure policy migrate"
    RECONCILE = "tenure reconcile"
    USAGE_ROLLUP = "tenure usage rollup"
    USAGE_STATS = "tenure usage stats"
    METRICS = "tenure metrics"
    IMPORT = "tenure import"
    WEBHOOKS = "tenure webhooks"
    WEBHOOK_LIST = "tenure webhooks list"
    USAGE_REPORT = "tenure usage report"
    RESTORED = "tenure restored"
    CUSTOMERS_PUT_BACK = "tenure customers put-back"
    ERASURES_EXPORT = "tenure erasures export"
    ERASURES_APPLY = "tenure erasures apply"
    DEPLOYMENT = "tenure deployment"
    CODEC_SERVER = "tenure codec-server"
    PAYLOAD_KEYS = "tenure payload-keys"
    DOCTOR = "tenure doctor"


_NEEDS: Mapping[Process, type[Settings]] = {
    Process.API: ApiSettings,
    Process.WORKER: WorkerSettings,
    Process.MIGRATE: MigrateSettings,
    Process.KEYS: KeySettings,
    Process.OPERATORS: DatabaseSettings,
    Process.OPERATORS_LINK: SignInSettings,
    Process.TENANTS: DatabaseSettings,
    Process.CATALOG: PushSettings,
    Process.CATALOG_DIFF: DatabaseSettings,
    Process.POLICY_PUSH: DatabaseSettings,
    Process.POLICY: OperatorSettings,
    Process.RECONCILE: OperatorSettings,
    Process.USAGE_ROLLUP: TemporalSettings,
    Process.USAGE_STATS: DatabaseSettings,
    Process.METRICS: MetricsSettings,
    Process.IMPORT: ImportSettings,
    Process.WEBHOOKS: WebhookSettings,
    Process.WEBHOOK_LIST: DatabaseSettings,
    Process.USAGE_REPORT: OperatorSettings,
    Process.RESTORED: DatabaseSettings,
    Process.CUSTOMERS_PUT_BACK: OperatorSettings,
    Process.ERASURES_EXPORT: DatabaseSettings,
    Process.ERASURES_APPLY: ErasureSettings,
    Process.DEPLOYMENT: DeploymentSettings,
    Process.CODEC_SERVER: CodecServerSettings,
    Process.PAYLOAD_KEYS: OperatorSettings,
    Process.DOCTOR: EverySetting,
}

_WANTED = {
    "bool_parsing": "true or false",
    "enum": "{expected}",
    "string_too_long": "at most {max_length} characters long",
}
"""By the kind of error that pydantic finds; all others are in the words of the setting."""


@overload
def load_settings(process: Literal[Process.API], env_file: Path = ...) -> ApiSettings: ...
@overload
def load_settings(process: Literal[Process.WORKER], env_file: Path = ...) -> WorkerSettings: ...
@overload
def load_settings(process: Literal[Process.MIGRATE], env_file: Path = ...) -> MigrateSettings: ...
@overload
def load_settings(
    process: Literal[
        Process.POLICY, Process.RECONCILE, Process.USAGE_REPORT, Process.PAYLOAD_KEYS, Process.CUSTOMERS_PUT_BACK
    ],
    env_file: Path = ...,
) -> OperatorSettings: ...
@overload
def load_settings(
    process: Literal[
        Process.OPERATORS,
        Process.TENANTS,
        Process.POLICY_PUSH,
        Process.WEBHOOK_LIST,
        Process.CATALOG_DIFF,
        Process.USAGE_STATS,
        Process.RESTORED,
        Process.ERASURES_EXPORT,
    ],
    env_file: Path = ...,
) -> DatabaseSettings: ...
@overload
def load_settings(process: Literal[Process.KEYS], env_file: Path = ...) -> KeySettings: ...
@overload
def load_settings(process: Literal[Process.OPERATORS_LINK], env_file: Path = ...) -> SignInSettings: ...
@overload
def load_settings(process: Literal[Process.METRICS], env_file: Path = ...) -> MetricsSettings: ...
@overload
def load_settings(process: Literal[Process.USAGE_ROLLUP], env_file: Path = ...) -> TemporalSettings: ...
@overload
def load_settings(process: Literal[Process.WEBHOOKS], env_file: Path = ...) -> WebhookSettings: ...
@overload
def load_settings(process: Literal[Process.CATALOG], env_file: Path = ...) -> PushSettings: ...
@overload
def load_settings(process: Literal[Process.IMPORT], env_file: Path = ...) -> ImportSettings: ...
@overload
def load_settings(process: Literal[Process.ERASURES_APPLY], env_file: Path = ...) -> ErasureSettings: ...
@overload
def load_settings(process: Literal[Process.DEPLOYMENT], env_file: Path = ...) -> DeploymentSettings: ...
@overload
def load_settings(process: Literal[Process.CODEC_SERVER], env_file: Path = ...) -> CodecServerSettings: ...
@overload
def load_settings(process: Literal[Process.DOCTOR], env_file: Path = ...) -> EverySetting: ...
@overload
def load_settings(process: Process, env_file: Path = ...) -> Settings: ...
def load_settings(process: Process, env_file: Path = ENV_FILE) -> Settings:
    """Read the settings that *process* needs, and no others; the environment overrides the file.

    Raises:
        SettingsError: lists every setting that is missing, weak or misspelt.
    """
    problems = list(_unreadable(env_file)) or list(_misspelt(env_file))
    read: Callable[..., Settings] = _NEEDS[process]
    settings: Settings | None = None
    try:
        settings = read(_env_file=env_file)
    except ValidationError as error:
        problems += [_in_words(details, _NEEDS[process]) for details in error.errors(include_url=False)]
    except (UnicodeDecodeError, OSError):
        settings = None
    if settings is None or problems:
        # No cause: it would contain the values.
        raise SettingsError(process, problems) from None
    return settings


def known_variables() -> list[str]:
    """The names of all settings."""
    return sorted(f"{PREFIX}{name.upper()}" for name in EverySetting.model_fields)


def _unreadable(env_file: Path) -> Iterator[str]:
    try:
        if env_file.is_file():
            env_file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        yield f"{env_file} is not UTF-8: save it as UTF-8"
    except OSError as error:
        yield f"{env_file} cannot be read: {error.strerror}"


def _misspelt(env_file: Path) -> Iterator[str]:
    known = known_variables()
    in_file = dotenv_values(env_file) if env_file.is_file() else {}
    places = dict.fromkeys(in_file, f" (in {env_file})") | dict.fromkeys(os.environ, "")
    for name, place in sorted(places.items()):
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            near = nearest(name[len(PREFIX) :], (one.removeprefix(PREFIX) for one in known))
            advice = f"did you mean {PREFIX}{near}?" if near else "remove it; .env.example lists all settings"
            yield f"{name}{place} is not a setting: {advice}"


def _in_words(details: ErrorDetails, model: type[Settings]) -> str:
    field = str(details["loc"][0])
    name, context = f"{PREFIX}{field.upper()}", details.get("ctx", {})
    if details["type"] == "missing":
        return f"{name} is missing: {model.model_fields[field].description}"
    if details["type"] == "value_error":
        return f"{name} {context['error']}"
    if details["type"] in _WANTED:
        return f"{name} must be {_WANTED[details['type']].format(**context)}"
    return f"{name}: {details['msg']}"

"""`.env.example`, `docker-compose.yml` and the image's build agree with each other and with the settings."""

import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from dotenv import dotenv_values
from ruamel.yaml import YAML

from configuration.base_settings import PREFIX, Settings
from configuration.loading import Process, load_settings
from configuration.settings import ApiSettings, MigrateSettings, WorkerSettings
from tests.configuration.variables import GOOD, NO_FILE

TREE = Path(__file__).parents[2]
EXAMPLE, COMPOSE = TREE / ".env.example", TREE / "docker-compose.yml"
SERVICES: Mapping[str, tuple[Process, type[Settings]]] = {
    "migrate": (Process.MIGRATE, MigrateSettings),
    "api": (Process.API, ApiSettings),
    "worker": (Process.WORKER, WorkerSettings),
}
SET_BY_COMPOSE = {"TENURE_DATABASE_URL", "TENURE_TEMPORAL_ADDRESS", "TENURE_HEALTH_ADDRESS"}
LEFT_AT_DEFAULTS = {
    "TENURE_API_HOST",
    "TENURE_API_PORT",
    "TENURE_BUILD_ID",
    "TENURE_CODEC_HOST",
    "TENURE_CODEC_PORT",
    "TENURE_DATABASE_POOLER",
    "TENURE_DEPLOYMENT",
    "TENURE_STANDALONE_ACTIVITIES",
    "TENURE_TEMPORAL_API_KEY",
    "TENURE_TEMPORAL_NAMESPACE",
    "TENURE_TEMPORAL_TLS",
    "TENURE_TEMPORAL_TLS_CLIENT_CERT",
    "TENURE_TEMPORAL_TLS_CLIENT_KEY",
    "TENURE_TEMPORAL_TLS_SERVER_CA",
}
"""Settings whose defaults fit the servers of the compose file, the port that it publishes, and its single worker."""
FILLED_IN = {"POSTGRES_PASSWORD": "k7Qx2mVb", "TEMPORAL_POSTGRES_PASSWORD": "Zr4tWn8s"} | {
    name: GOOD[name]
    for name in ("TENURE_SECRET_KEY", "TENURE_TRIAL_KEY", "TENURE_STRIPE_API_KEY", "TENURE_STRIPE_WEBHOOK_SECRETS")
}
_TAKEN = re.compile(r"(?<!\$)\$\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<rest>[^}]*))?\}")


def taken() -> Iterator[re.Match[str]]:
    """Every place where the compose file takes a variable."""
    return _TAKEN.finditer(COMPOSE.read_text(encoding="utf-8"))


def explained() -> set[str]:
    return set(re.findall(r"^#?([A-Z_]+)=", EXAMPLE.read_text(encoding="utf-8"), re.MULTILINE))


def variables_of(service: str) -> dict[str, str]:
    """The settings the compose file passes to a service, before interpolation."""
    told = YAML(typ="safe").load(COMPOSE)["services"][service]["environment"]
    return {name: value for name, value in told.items() if name.startswith(PREFIX)}


def interpolated(text: str, given: Mapping[str, str | None]) -> str:
    """The value as Docker Compose reads it; with `:-` and `:?` an empty variable counts as missing."""

    def value(found: re.Match[str]) -> str:
        if found["kind"] == "?" and not given.get(found["name"]):
            raise AssertionError(found[0])
        return given.get(found["name"]) or (found["rest"] if found["kind"] == "-" else "")

    return _TAKEN.sub(value, text)


def start(service: str, environment: pytest.MonkeyPatch, **given: str) -> Settings:
    """The settings a service reads with a copy of the example as `.env`, its secrets filled in."""
    process, settings = SERVICES[service]
    env_file = dotenv_values(EXAMPLE) | FILLED_IN | given
    for name in GOOD:
        environment.delenv(name, raising=False)
    for name, value in variables_of(service).items():
        environment.setenv(name, interpolated(value, env_file))
    environment.chdir(TREE)
    read = load_settings(process, NO_FILE)
    assert isinstance(read, settings)
    return read


def test_docker_compose_takes_every_variable_of_the_example_and_no_other() -> None:
    assert {one["name"] for one in taken()} == explained() - SET_BY_COMPOSE - LEFT_AT_DEFAULTS


def test_what_docker_compose_requires_is_in_the_example_to_be_filled_in() -> None:
    required = {one["name"] for one in taken() if one["kind"] == "?"}
    assert required <= set(dotenv_values(EXAMPLE))
    assert {name for name in required if not dotenv_values(EXAMPLE)[name]} == set(FILLED_IN)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_given_each_setting_of_its_process_and_no_other(service: str) -> None:
    settings = {f"{PREFIX}{name.upper()}" for name in SERVICES[service][1].model_fields}
    assert set(variables_of(service)) == settings - LEFT_AT_DEFAULTS


@pytest.mark.parametrize("service", SERVICES)
def test_a_setting_comes_from_the_variable_of_its_own_name(service: str) -> None:
    for name, value in variables_of(service).items():
        if name not in SET_BY_COMPOSE:
            assert [found["name"] for found in _TAKEN.finditer(value)] == [name]


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_starts_with_the_example_once_its_secrets_are_filled_in(
    environment: pytest.MonkeyPatch, service: str
) -> None:
    read = start(service, environment)
    assert isinstance(read, MigrateSettings | ApiSettings | WorkerSettings)
    assert read.database_url.get_secret_value() == "postgresql://tenure:k7Qx2mVb@postgres:5432/tenure"
    assert read.temporal_address == "temporal:7233"


@pytest.mark.parametrize(
    ("given", "used"),
    [("", "smtp://mailpit:1025"), ("smtps://u:hunter2@mail.acme.com", "smtps://u:hunter2@mail.acme.com")],
    ids=["mailbox", "mail server"],
)
def test_the_smtp_url_alone_decides_where_mails_go_and_an_empty_one_means_the_mailbox(
    environment: pytest.MonkeyPatch, given: str, used: str
) -> None:
    worker = start("worker", environment, TENURE_SMTP_URL=given)
    assert isinstance(worker, WorkerSettings)
    assert worker.smtp_url.get_secret_value() == used


def test_the_image_build_gets_everything_that_goes_into_the_wheel_and_nothing_else() -> None:
    whole = tomllib.loads((TREE / "pyproject.toml").read_text(encoding="utf-8"))
    project, wheel = whole["project"], whole["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {"pyproject.toml", "requirements", project["readme"], *project["license-files"], *wheel["packages"]}
    let_in = {line[1:] for line in (TREE / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[0] == "!"}
    assert let_in == needed
    assert all((TREE / one).exists() for one in needed)


def test_what_runs_in_a_container_has_no_rights_that_it_does_not_need() -> None:
    services = YAML(typ="safe").load(COMPOSE)["services"]

    for name in SERVICES:
        service = services[name]
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not {"privileged", "cap_add", "network_mode", "user"} & service.keys(), name
    users = re.findall(r"^USER (.*)$", (TREE / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert users == ["10001"]


def test_every_service_has_limits_and_says_whether_it_is_healthy() -> None:
    services = YAML(typ="safe").load(COMPOSE)["services"]
    ends = {name for name, service in services.items() if service["restart"].startswith("on-failure")}

    assert ends == {"migrate", "temporal-schema", "temporal-namespace"}
    for name, service in services.items():
        assert {"cpus", "mem_limit", "pids_limit"} <= service.keys(), name
        assert service["healthcheck"].get("disable", False) == (name in ends), name
        assert "test" in service["healthcheck"] or name in ends, name


@pytest.mark.parametrize(("service", "port"), [("api", "8000"), ("worker", "8001")])
def test_a_process_is_probed_where_it_answers(service: str, port: str) -> None:
    read = YAML(typ="safe").load(COMPOSE)["services"][service]
    asked = re.findall(r"http://127\.0\.0\.1:(\d+)/healthz", " ".join(read["healthcheck"]["test"]))

    assert asked == [port]
    listens = (
        read["environment"].get("TENURE_HEALTH_ADDRESS") or f"127.0.0.1:{ApiSettings.model_fields['api_port'].default}"
    )
    assert listens == f"127.0.0.1:{port}"


def test_processes_have_both_roles_of_the_database_by_a_login_that_is_no_superuser() -> None:
    """`tests/tenancy` runs this script, and every policy of the database as its login."""
    read = YAML(typ="safe").load(COMPOSE)
    urls = {read["services"][name]["environment"]["TENURE_DATABASE_URL"].split(":")[1] for name in SERVICES}

    assert urls == {"//tenure"}
    assert "CREATE ROLE tenure LOGIN CREATEROLE PASSWORD" in read["configs"]["postgres-logins"]["content"]
    assert "TENURE_SYSTEM_DATABASE_URL" in read["services"]["api"]["environment"]


def has_compose() -> bool:
    docker = shutil.which("docker")
    if docker is None:
        return False
    return subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode == 0  # noqa: S603


@pytest.mark.skipif(not has_compose(), reason="needs Docker Compose")
def test_docker_compose_takes_the_file(tmp_path: Path) -> None:
    env_file = tmp_path / "env"
    env_file.write_text("\n".join(f"{name}={value}" for name, value in (dotenv_values(EXAMPLE) | FILLED_IN).items()))
    command = ["docker", "compose", "--file", str(COMPOSE), "--env-file", str(env_file), "config", "--quiet"]

    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603

    assert done.returncode == 0, done.stderr


def test_the_compose_file_publishes_ports_to_its_own_machine_alone() -> None:
    services = YAML(typ="safe").load(COMPOSE)["services"]
    published = {name: port for name, service in services.items() for port in service.get("ports", ())}

    assert set(published) == {"api", "mailpit", "temporal-ui"}
    assert [port for port in published.values() if not port.startswith("127.0.0.1:")] == []

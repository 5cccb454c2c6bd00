"""What a process is told from outside, and which process needs what."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel, SecretStr

from configuration.base_settings import LogFormat, LogLevel, Settings
from configuration.loading import Process, known_variables, load_settings
from domain.brand import Brand
from domain.request_rates import RequestRate
from gateways.mail.mailer import SmtpServer
from tests.configuration.variables import GOOD, NEEDED_BY_ONE, NO_FILE, refused

pytestmark = pytest.mark.usefixtures("bare_environment")

EXAMPLE = Path(__file__).parents[2] / ".env.example"
VERSIONED = {"TENURE_DEPLOYMENT", "TENURE_BUILD_ID"}
NEEDS: dict[Process, set[str]] = {
    Process.MIGRATE: {"TENURE_DATABASE_URL", "TENURE_TEMPORAL_ADDRESS", "TENURE_TRIAL_KEY"},
    Process.API: set(GOOD) - VERSIONED - {"TENURE_SMTP_URL", "TENURE_MAIL_FROM"},
    Process.WORKER: set(GOOD) - VERSIONED - {"TENURE_STRIPE_WEBHOOK_SECRETS", "TENURE_CATALOG", "TENURE_POLICY"},
    Process.KEYS: {"TENURE_DATABASE_URL"},
    Process.OPERATORS: {"TENURE_DATABASE_URL"},
    Process.OPERATORS_LINK: {"TENURE_DATABASE_URL", "TENURE_PUBLIC_URL"},
    Process.TENANTS: {"TENURE_DATABASE_URL"},
    Process.CATALOG: {"TENURE_STRIPE_API_KEY"},
    Process.CATALOG_DIFF: {"TENURE_DATABASE_URL"},
    Process.POLICY_PUSH: {"TENURE_DATABASE_URL"},
    Process.POLICY: {"TENURE_DATABASE_URL", "TENURE_TEMPORAL_ADDRESS"},
    Process.IMPORT: {
        "TENURE_DATABASE_URL",
        "TENURE_TEMPORAL_ADDRESS",
        "TENURE_TRIAL_KEY",
        "TENURE_STRIPE_API_KEY",
        "TENURE_CATALOG",
        "TENURE_POLICY",
    },
    Process.WEBHOOKS: {
        "TENURE_DATABASE_URL",
        "TENURE_TEMPORAL_ADDRESS",
        "TENURE_TRIAL_KEY",
        "TENURE_STRIPE_API_KEY",
    },
    Process.WEBHOOK_LIST: {"TENURE_DATABASE_URL"},
    Process.RECONCILE: {"TENURE_DATABASE_URL", "TENURE_TEMPORAL_ADDRESS"},
    Process.USAGE_ROLLUP: {"TENURE_TEMPORAL_ADDRESS"},
    Process.USAGE_STATS: {"TENURE_DATABASE_URL"},
    Process.METRICS: {"TENURE_DATABASE_URL"},
    Process.USAGE_REPORT: {"TENURE_DATABASE_URL", "TENURE_TEMPORAL_ADDRESS"},
    Process.CUSTOMERS_PUT_BACK: {"TENURE_DATABASE_URL", "TENURE_TEMPORAL_ADDRESS"},
    Process.RESTORED: {"TENURE_DATABASE_URL"},
    Process.ERASURES_EXPORT: {"TENURE_DATABASE_URL"},
    Process.ERASURES_APPLY: {"TENURE_DATABASE_URL", "TENURE_TEMPORAL_ADDRESS", "TENURE_TRIAL_KEY"},
    Process.DEPLOYMENT: {"TENURE_TEMPORAL_ADDRESS", "TENURE_DEPLOYMENT"},
    Process.DOCTOR: set(GOOD) - VERSIONED,
    Process.CODEC_SERVER: {"TENURE_DATABASE_URL", "TENURE_PAYLOAD_KEYS"},
    Process.PAYLOAD_KEYS: {"TENURE_DATABASE_URL", "TENURE_TEMPORAL_ADDRESS"},
}


@pytest.mark.parametrize("process", Process)
def test_everything_that_a_process_lacks_is_reported_together(process: Process) -> None:
    told = [re.match(r"(TENURE_[A-Z_]+) is missing: \S+", problem) for problem in refused(process).problems]
    assert {found[1] for found in told if found} == NEEDS[process]
    assert all(told)


@pytest.mark.parametrize("process", Process)
def test_a_process_starts_with_what_it_needs_and_no_more(environment: pytest.MonkeyPatch, process: Process) -> None:
    for name in set(GOOD) - NEEDS[process]:
        environment.delenv(name)
    for name in NEEDS[process] - set(GOOD):
        environment.setenv(name, NEEDED_BY_ONE[name])
    assert isinstance(load_settings(process, NO_FILE), Settings)


def test_a_setting_that_a_process_does_not_need_cannot_stop_it(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("TENURE_CATALOG", "none.yaml")
    environment.setenv("TENURE_SECRET_KEY", "short")
    load_settings(Process.MIGRATE, NO_FILE)
    assert len(refused(Process.API).problems) == 2


@pytest.mark.usefixtures("environment")
def test_settings_are_parsed_to_their_types() -> None:
    settings = load_settings(Process.DOCTOR, NO_FILE)
    assert settings.database_url.get_secret_value() == GOOD["TENURE_DATABASE_URL"]
    assert settings.public_url == "https://billing.acme.com"
    assert [one.get_secret_value() for one in settings.stripe_webhook_secrets] == [
        "whsec_aaaabbbbccccddddeeee",
        "whsec_ffffgggghhhhiiiijjjj",
    ]
    assert settings.catalog == Path("catalog.yaml")
    assert (settings.temporal_namespace, settings.temporal_tls, settings.stripe_api_base) == ("default", False, None)
    assert (settings.api_host, settings.api_port) == ("0.0.0.0", 8000)  # noqa: S104
    assert settings.rate_requests == RequestRate(100)
    assert (settings.rate_unknown_keys, settings.api_replicas) == (10, 1)
    assert (settings.log_format, settings.log_level) == (LogFormat.JSON, LogLevel.INFO)
    assert (settings.website, settings.support_address) == ("https://billing.acme.com", "billing@acme.com")


@pytest.mark.usefixtures("environment")
def test_no_secret_shows_when_settings_are_printed() -> None:
    printed = f"{load_settings(Process.DOCTOR, NO_FILE)!r}"
    secrets = ("hunter2", GOOD["TENURE_SECRET_KEY"], GOOD["TENURE_TRIAL_KEY"], GOOD["TENURE_STRIPE_API_KEY"], "whsec_")
    assert [secret for secret in secrets if secret in printed] == []


@pytest.mark.usefixtures("environment")
def test_a_workers_settings_give_a_brand_and_a_mail_server() -> None:
    worker = load_settings(Process.WORKER, NO_FILE)
    Brand(worker.brand_name, worker.website, worker.support_address, worker.brand_colour)
    assert worker.upgrade_url is None
    assert SmtpServer.of(worker.smtp_url.get_secret_value()).host == "mail.internal"


@pytest.mark.parametrize("url", ["http://localhost:8000", "http://127.0.0.1", "http://[::1]:80", "https://x.com/pay"])
def test_localhost_may_be_reached_without_tls(environment: pytest.MonkeyPatch, url: str) -> None:
    environment.setenv("TENURE_PUBLIC_URL", url)
    assert load_settings(Process.API, NO_FILE).public_url == url


@pytest.mark.parametrize("url", ["postgresql+asyncpg://u:p@h/d", "postgres://u:p@h/d", "postgresql:///d?host=/run"])
def test_every_form_of_a_postgresql_url_is_accepted(environment: pytest.MonkeyPatch, url: str) -> None:
    environment.setenv("TENURE_DATABASE_URL", url)
    assert load_settings(Process.KEYS, NO_FILE).database_url.get_secret_value() == url


@pytest.mark.parametrize("key", ["sk_live_51HxT0pAbCdEf", "rk_test_51HxT0pAbCdEf", "rk_live_51HxT0pAbCdEf"])
def test_live_and_restricted_keys_are_accepted(environment: pytest.MonkeyPatch, key: str) -> None:
    environment.setenv("TENURE_STRIPE_API_KEY", key)
    assert load_settings(Process.CATALOG, NO_FILE).stripe_api_key.get_secret_value() == key


def test_a_secret_key_of_32_characters_is_long_enough(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("TENURE_SECRET_KEY", GOOD["TENURE_SECRET_KEY"][:32])
    [key] = load_settings(Process.API, NO_FILE).secret_key
    assert len(key.get_secret_value()) == 32


def test_several_secret_keys_are_separated_by_commas(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("TENURE_SECRET_KEY", f"{'0123456789abcdef' * 2}, {GOOD['TENURE_SECRET_KEY']},")
    first, second = load_settings(Process.WORKER, NO_FILE).secret_key
    assert (first.get_secret_value(), second.get_secret_value()) == ("0123456789abcdef" * 2, GOOD["TENURE_SECRET_KEY"])


def test_an_empty_setting_is_a_missing_one(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("TENURE_DATABASE_URL", "")
    assert refused(Process.KEYS).problems[0].startswith("TENURE_DATABASE_URL is missing: ")


def test_the_environment_overrides_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("TENURE_DATABASE_URL=postgresql://h/file\nTENURE_LOG_LEVEL=debug\nOTHER=1\n")
    monkeypatch.setenv("TENURE_DATABASE_URL", "postgresql://h/environment")
    settings = load_settings(Process.KEYS)
    assert settings.database_url.get_secret_value() == "postgresql://h/environment"
    assert settings.log_level is LogLevel.DEBUG


def test_the_example_explains_every_setting_and_no_other() -> None:
    named = re.findall(r"^#?(TENURE_[A-Z_]+)=", EXAMPLE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(named) == known_variables()


def test_the_example_lacks_nothing_but_the_secrets_and_the_mail_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(EXAMPLE.parent)
    missing = {problem.split()[0] for problem in refused(Process.DOCTOR, EXAMPLE).problems}
    secrets = {"TENURE_SECRET_KEY", "TENURE_TRIAL_KEY", "TENURE_STRIPE_API_KEY", "TENURE_STRIPE_WEBHOOK_SECRETS"}
    assert missing == secrets | {"TENURE_SMTP_URL"}


def test_settings_commented_out_in_the_example_can_be_used(environment: pytest.MonkeyPatch) -> None:
    text = re.sub(r"^#(TENURE_(?!TEMPORAL_TLS_)[A-Z_]+=.+)$", r"\1", EXAMPLE.read_text("utf-8"), flags=re.MULTILINE)
    Path(".env").write_text(text, encoding="utf-8")
    Path("catalogs").mkdir(exist_ok=True)
    Path("catalogs/logo.png").write_bytes(b"PNG")
    settings = load_settings(Process.DOCTOR, Path(".env"))
    assert isinstance(settings, BaseModel)
    assert (settings.temporal_tls, settings.brand_colour) == (True, "#0f766e")


@pytest.mark.parametrize(
    ("name", "size", "complaint"),
    [
        ("logo.gif", 1, "must be an image that ends in .svg, .png, .webp, .jpg, .jpeg, not logo.gif"),
        ("logo.png", 20_500, "must be at most 20 kB: logo.png has 20 kB"),
    ],
)
def test_a_logo_that_pages_cannot_show_or_would_wait_for_is_refused(
    environment: pytest.MonkeyPatch, name: str, size: int, complaint: str
) -> None:
    Path(name).write_bytes(b"x" * size)
    environment.setenv("TENURE_BRAND_LOGO", name)

    (problem,) = refused(Process.API).problems
    assert problem.startswith(f"TENURE_BRAND_LOGO {complaint}")


def test_origins_are_separated_by_commas(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("TENURE_EMBED_ORIGINS", "https://Acme.com/, https://www.acme.com:8443,")
    assert load_settings(Process.API, NO_FILE).embed_origins == ("https://acme.com", "https://www.acme.com:8443")


def test_rates_may_differ_by_role(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("TENURE_RATE_CHECKS", "1000, read_only=0.5,operator=0")
    environment.setenv("TENURE_TRUSTED_PROXIES", "10.0.0.0/8, ::1")
    settings = load_settings(Process.DOCTOR, NO_FILE)
    rate = settings.rate_checks
    assert [rate.of(role) for role in ("service", "read_only", "operator")] == [1000, 0.5, 0]
    assert settings.trusted_proxies == ("10.0.0.0/8", "::1")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TENURE_PUBLIC_URL", "https://b.example.org"),
        ("TENURE_DATABASE_URL", GOOD["TENURE_DATABASE_URL"]),
        ("TENURE_SMTP_URL", GOOD["TENURE_SMTP_URL"]),
        ("TENURE_TEMPORAL_ADDRESS", "temporal.internal:7233"),
        ("TENURE_TEMPORAL_NAMESPACE", "billing"),
        ("TENURE_STRIPE_API_KEY", GOOD["TENURE_STRIPE_API_KEY"]),
        ("TENURE_OTLP_ENDPOINT", "http://collector:4318"),
        ("TENURE_EGRESS_PROXY", "http://egress.internal:4750"),
        ("TENURE_METRICS_ADDRESS", "127.0.0.1:9464"),
        ("TENURE_API_HOST", "127.0.0.1"),
        ("TENURE_SUPPORT_EMAIL", "help@acme.com"),
        ("TENURE_MAIL_FROM", "Acme Billing <billing@acme.com>"),
        ("TENURE_MAIL_FROM", "billing@acme.com"),
        ("TENURE_BUILD_ID", "0.1.0-a3f9c21"),
        ("TENURE_TEMPORAL_API_KEY", "hunter2"),
    ],
)
def test_what_surrounds_an_address_does_not_become_part_of_it(
    environment: pytest.MonkeyPatch, name: str, value: str
) -> None:
    environment.setenv("TENURE_TEMPORAL_TLS", "true")
    environment.setenv(name, f" {value}\n")
    read = getattr(load_settings(Process.DOCTOR, NO_FILE), name.removeprefix("TENURE_").lower())
    assert (read.get_secret_value() if isinstance(read, SecretStr) else read) == value

"""What a process is told from outside, and what it says when that will not do."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from configuration.loading import Process, SettingsError, known_variables, load_settings
from configuration.settings import LogFormat, LogLevel, Settings
from gateways.mail_rendering import Brand
from gateways.smtp import SmtpServer

pytestmark = pytest.mark.usefixtures("bare_environment")

EXAMPLE = Path(__file__).parents[2] / ".env.example"
NO_FILE = Path("no.env")
GOOD = {
    "TENURE_DATABASE_URL": "postgresql://tenure:hunter2@db.internal:5432/tenure",
    "TENURE_TEMPORAL_ADDRESS": "temporal.internal:7233",
    "TENURE_PUBLIC_URL": "https://billing.acme.com/",
    "TENURE_SECRET_KEY": "q3xUu1kV8mB0sLr7ZtYw2NfKe5cHj9PaDgQi6oXv",
    "TENURE_STRIPE_API_KEY": "sk_test_51HxT0pAbCdEfGhIjKlMn",
    "TENURE_STRIPE_WEBHOOK_SECRETS": "whsec_aaaabbbbccccddddeeee, whsec_ffffgggghhhhiiiijjjj",
    "TENURE_SMTP_URL": "smtp+starttls://acme:hunter2@mail.internal:587",
    "TENURE_MAIL_FROM": "Acme Billing <billing@acme.com>",
    "TENURE_CATALOG": "catalog.yaml",
    "TENURE_POLICY": "policy.yaml",
}
NEEDS: dict[Process, set[str]] = {
    Process.MIGRATE: {"TENURE_DATABASE_URL", "TENURE_TEMPORAL_ADDRESS"},
    Process.API: set(GOOD) - {"TENURE_SMTP_URL", "TENURE_MAIL_FROM"},
    Process.WORKER: set(GOOD) - {"TENURE_STRIPE_WEBHOOK_SECRETS", "TENURE_CATALOG", "TENURE_POLICY"},
    Process.KEYS: {"TENURE_DATABASE_URL"},
    Process.CATALOG: {"TENURE_STRIPE_API_KEY"},
    Process.POLICY: {"TENURE_DATABASE_URL", "TENURE_TEMPORAL_ADDRESS"},
    Process.IMPORT: {
        "TENURE_DATABASE_URL",
        "TENURE_TEMPORAL_ADDRESS",
        "TENURE_STRIPE_API_KEY",
        "TENURE_CATALOG",
        "TENURE_POLICY",
    },
    Process.WEBHOOKS: {"TENURE_DATABASE_URL", "TENURE_TEMPORAL_ADDRESS", "TENURE_STRIPE_API_KEY"},
    Process.WEBHOOK_LIST: {"TENURE_DATABASE_URL"},
    Process.RECONCILE: {"TENURE_DATABASE_URL", "TENURE_TEMPORAL_ADDRESS"},
    Process.DOCTOR: set(GOOD),
}

WEAK: dict[str, tuple[dict[str, str], str]] = {
    "a database that is no PostgreSQL": (
        {"TENURE_DATABASE_URL": "mysql://u:hunter2@h/d"},
        "TENURE_DATABASE_URL must begin with postgresql://",
    ),
    "a server without a database": (
        {"TENURE_DATABASE_URL": "postgresql://u:hunter2@h:5432/"},
        "TENURE_DATABASE_URL must name a database: postgresql://user:password@host:5432/tenure",
    ),
    "a port there is not": (
        {"TENURE_DATABASE_URL": "postgresql://u:hunter2@h:99999/d"},
        "TENURE_DATABASE_URL must begin with postgresql://",
    ),
    "an address with a scheme": (
        {"TENURE_TEMPORAL_ADDRESS": "http://temporal:7233"},
        "TENURE_TEMPORAL_ADDRESS must be a host and a port, as temporal.internal:7233, not 'http://temporal:7233'",
    ),
    "an address without a port": (
        {"TENURE_TEMPORAL_ADDRESS": "temporal"},
        "TENURE_TEMPORAL_ADDRESS must be a host and a port, as temporal.internal:7233, not 'temporal'",
    ),
    "a public address in clear": (
        {"TENURE_PUBLIC_URL": "http://billing.acme.com"},
        (
            "TENURE_PUBLIC_URL must begin with https://, not 'http://billing.acme.com': "
            "only on this machine itself may it be http://"
        ),
    ),
    "a host that only begins like this machine": (
        {"TENURE_PUBLIC_URL": "http://localhost.evil.com"},
        (
            "TENURE_PUBLIC_URL must begin with https://, not 'http://localhost.evil.com': "
            "only on this machine itself may it be http://"
        ),
    ),
    "a public address without a scheme": (
        {"TENURE_PUBLIC_URL": "billing.acme.com"},
        "TENURE_PUBLIC_URL must be a web address, as https://billing.yourproduct.com, not 'billing.acme.com'",
    ),
    "a short secret key": (
        {"TENURE_SECRET_KEY": "q3xUu1kV8mB0sLr7ZtYw2NfKe5cHj9P"},
        "TENURE_SECRET_KEY is too short with 31 characters, 32 are needed: make one with `openssl rand -base64 48`",
    ),
    "a placeholder for a secret key": (
        {"TENURE_SECRET_KEY": "changeme-changeme-changeme-changeme"},
        "TENURE_SECRET_KEY is still a placeholder: make one with `openssl rand -base64 48`",
    ),
    "a secret key of one letter": (
        {"TENURE_SECRET_KEY": "x" * 64},
        "TENURE_SECRET_KEY can be guessed: make one with `openssl rand -base64 48`",
    ),
    "a publishable key": (
        {"TENURE_STRIPE_API_KEY": "pk_live_51HxT0pAbCdEfGhIjKlMn"},
        "TENURE_STRIPE_API_KEY is a publishable key: take the secret key, sk_..., or a restricted one, rk_...",
    ),
    "no key of Stripe": (
        {"TENURE_STRIPE_API_KEY": "hunter2hunter2hunter2"},
        "TENURE_STRIPE_API_KEY is no key of Stripe: it begins with sk_test_, sk_live_, rk_test_ or rk_live_",
    ),
    "a stand-in for Stripe in clear": (
        {"TENURE_STRIPE_API_BASE": "http://stripe.acme.com"},
        (
            "TENURE_STRIPE_API_BASE must begin with https://, not 'http://stripe.acme.com': "
            "only on this machine itself may it be http://"
        ),
    ),
    "a second webhook secret that is none": (
        {"TENURE_STRIPE_WEBHOOK_SECRETS": "whsec_aaaabbbbccccddddeeee,hunter2hunter2hunter2"},
        (
            "TENURE_STRIPE_WEBHOOK_SECRETS number 2 of 2 is no signing secret of a webhook endpoint: "
            "Stripe's begin with whsec_"
        ),
    ),
    "a short webhook secret": (
        {"TENURE_STRIPE_WEBHOOK_SECRETS": "whsec_hunter2"},
        "TENURE_STRIPE_WEBHOOK_SECRETS is no signing secret of a webhook endpoint: Stripe's begin with whsec_",
    ),
    "commas alone": (
        {"TENURE_STRIPE_WEBHOOK_SECRETS": " , "},
        "TENURE_STRIPE_WEBHOOK_SECRETS must hold one signing secret at least, whsec_...",
    ),
    "a mail server by http": (
        {"TENURE_SMTP_URL": "http://u:hunter2@h"},
        "TENURE_SMTP_URL must be a mail server's address: smtp://, smtps:// or smtp+starttls://, a host and a port",
    ),
    "a user without a password": (
        {"TENURE_SMTP_URL": "smtp://u@h"},
        "TENURE_SMTP_URL must hold both a user and a password, or neither",
    ),
    "a mail server with a path": (
        {"TENURE_SMTP_URL": "smtp://u:hunter2@h/x"},
        "TENURE_SMTP_URL must read smtp://user:password@host:port, with %40 for an @ and %2F for a / in the password",
    ),
    "a sender that is no address": (
        {"TENURE_MAIL_FROM": "Acme Billing"},
        "TENURE_MAIL_FROM must be a mail address, as Your Product <billing@yourproduct.com>, not 'Acme Billing'",
    ),
    "a catalog that is not there": (
        {"TENURE_CATALOG": "none.yaml"},
        "TENURE_CATALOG names a file that is not there: none.yaml",
    ),
    "a port that is an address": (
        {"TENURE_API_PORT": "tcp://10.0.0.1:80"},
        "TENURE_API_PORT must be a port, 1 to 65535",
    ),
    "a port too high": ({"TENURE_API_PORT": "65536"}, "TENURE_API_PORT must be a port, 1 to 65535"),
    "an API key in clear": (
        {"TENURE_TEMPORAL_API_KEY": "hunter2"},
        "TENURE_TEMPORAL_TLS must be true, since TENURE_TEMPORAL_API_KEY is set",
    ),
    "a certificate without its key": (
        {"TENURE_TEMPORAL_TLS": "true", "TENURE_TEMPORAL_TLS_CLIENT_CERT": "catalog.yaml"},
        "TENURE_TEMPORAL_TLS needs both TENURE_TEMPORAL_TLS_CLIENT_CERT and TENURE_TEMPORAL_TLS_CLIENT_KEY, or neither",
    ),
    "neither true nor false": ({"TENURE_TEMPORAL_TLS": "perhaps"}, "TENURE_TEMPORAL_TLS must be true or false"),
    "a log in another format": ({"TENURE_LOG_FORMAT": "xml"}, "TENURE_LOG_FORMAT must be 'json' or 'console'"),
    "a colour by name": (
        {"TENURE_BRAND_COLOUR": "teal"},
        "TENURE_BRAND_COLOUR must be a colour in six hex digits, as #0f766e",
    ),
    "a misspelt name": (
        {"TENURE_STRIPE_WEBHOOK_SECRET": "hunter2"},
        "TENURE_STRIPE_WEBHOOK_SECRET is no setting: did you mean TENURE_STRIPE_WEBHOOK_SECRETS?",
    ),
    "a name like no other": (
        {"TENURE_XYZZY": "hunter2"},
        "TENURE_XYZZY is no setting: take it out; .env.example has all there are",
    ),
}


@pytest.fixture
def environment(bare_environment: None, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment in which every process can run."""
    for name in ("catalog.yaml", "policy.yaml"):
        Path(name).touch()
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def refused(process: Process, env_file: Path = NO_FILE) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        load_settings(process, env_file)
    return caught.value


@pytest.mark.parametrize(("settings", "problem"), WEAK.values(), ids=WEAK)
def test_a_bad_setting_is_named_with_what_to_do_and_no_secret_is_repeated(
    environment: pytest.MonkeyPatch, settings: dict[str, str], problem: str
) -> None:
    for name, value in settings.items():
        environment.setenv(name, value)
    error = refused(Process.DOCTOR)
    assert error.problems == (problem,)
    assert "hunter2" not in f"{error}{error!r}{error.__cause__!r}"


@pytest.mark.parametrize("process", Process)
def test_everything_that_a_process_misses_is_told_at_once(process: Process) -> None:
    told = [re.match(r"(TENURE_[A-Z_]+) is missing: \S+", problem) for problem in refused(process).problems]
    assert {found[1] for found in told if found} == NEEDS[process]
    assert all(told)


@pytest.mark.parametrize("process", Process)
def test_a_process_starts_with_what_it_needs_and_no_more(environment: pytest.MonkeyPatch, process: Process) -> None:
    for name in set(GOOD) - NEEDS[process]:
        environment.delenv(name)
    assert isinstance(load_settings(process, NO_FILE), Settings)


def test_a_setting_that_a_process_does_not_need_cannot_stop_it(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("TENURE_CATALOG", "none.yaml")
    environment.setenv("TENURE_SECRET_KEY", "short")
    load_settings(Process.MIGRATE, NO_FILE)
    assert len(refused(Process.API).problems) == 2


@pytest.mark.usefixtures("environment")
def test_settings_are_read_as_what_they_are() -> None:
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
    assert (settings.log_format, settings.log_level) == (LogFormat.JSON, LogLevel.INFO)
    assert (settings.website, settings.support_address) == ("https://billing.acme.com", "billing@acme.com")


@pytest.mark.usefixtures("environment")
def test_no_secret_shows_when_settings_are_printed() -> None:
    printed = f"{load_settings(Process.DOCTOR, NO_FILE)!r}"
    secrets = ("hunter2", GOOD["TENURE_SECRET_KEY"], GOOD["TENURE_STRIPE_API_KEY"], "whsec_")
    assert [secret for secret in secrets if secret in printed] == []


@pytest.mark.usefixtures("environment")
def test_what_a_worker_is_told_makes_a_brand_and_a_mail_server() -> None:
    worker = load_settings(Process.WORKER, NO_FILE)
    Brand(worker.brand_name, worker.website, worker.support_address, worker.brand_colour)
    assert SmtpServer.of(worker.smtp_url.get_secret_value()).host == "mail.internal"


@pytest.mark.parametrize("url", ["http://localhost:8000", "http://127.0.0.1", "http://[::1]:80", "https://x.com/pay"])
def test_this_machine_itself_may_be_reached_in_clear(environment: pytest.MonkeyPatch, url: str) -> None:
    environment.setenv("TENURE_PUBLIC_URL", url)
    assert load_settings(Process.API, NO_FILE).public_url == url


@pytest.mark.parametrize("url", ["postgresql+asyncpg://u:p@h/d", "postgres://u:p@h/d", "postgresql:///d?host=/run"])
def test_every_way_to_write_a_postgresql_address_is_taken(environment: pytest.MonkeyPatch, url: str) -> None:
    environment.setenv("TENURE_DATABASE_URL", url)
    assert load_settings(Process.KEYS, NO_FILE).database_url.get_secret_value() == url


@pytest.mark.parametrize("key", ["sk_live_51HxT0pAbCdEf", "rk_test_51HxT0pAbCdEf", "rk_live_51HxT0pAbCdEf"])
def test_live_and_restricted_keys_are_taken(environment: pytest.MonkeyPatch, key: str) -> None:
    environment.setenv("TENURE_STRIPE_API_KEY", key)
    assert load_settings(Process.CATALOG, NO_FILE).stripe_api_key.get_secret_value() == key


def test_a_secret_key_of_32_characters_is_long_enough(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("TENURE_SECRET_KEY", GOOD["TENURE_SECRET_KEY"][:32])
    assert len(load_settings(Process.API, NO_FILE).secret_key.get_secret_value()) == 32


def test_an_empty_setting_is_a_missing_one(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("TENURE_DATABASE_URL", "")
    assert refused(Process.KEYS).problems[0].startswith("TENURE_DATABASE_URL is missing: ")


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("TENURE_DATABASE_URL=postgresql://h/file\nTENURE_LOG_LEVEL=debug\nOTHER=1\n")
    monkeypatch.setenv("TENURE_DATABASE_URL", "postgresql://h/environment")
    settings = load_settings(Process.KEYS)
    assert settings.database_url.get_secret_value() == "postgresql://h/environment"
    assert settings.log_level is LogLevel.DEBUG


def test_a_misspelt_name_in_the_file_is_told_with_the_file() -> None:
    Path(".env").write_text("TENURE_DATABASE_URL=postgresql://h/d\nTENURE_LOGLEVEL=debug\n")
    assert refused(Process.KEYS, Path(".env")).problems == (
        "TENURE_LOGLEVEL (in .env) is no setting: did you mean TENURE_LOG_LEVEL?",
    )


def test_a_file_in_another_encoding_is_refused() -> None:
    Path(".env").write_bytes("TENURE_BRAND_NAME=Größe\n".encode("latin-1"))
    assert refused(Process.KEYS, Path(".env")).problems == (".env is not UTF-8: save it as UTF-8",)


def test_the_example_explains_every_setting_and_no_other() -> None:
    named = re.findall(r"^#?(TENURE_[A-Z_]+)=", EXAMPLE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(named) == known_variables()


def test_the_example_lacks_nothing_but_the_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(EXAMPLE.parent)
    missing = {problem.split()[0] for problem in refused(Process.DOCTOR, EXAMPLE).problems}
    assert missing == {"TENURE_SECRET_KEY", "TENURE_STRIPE_API_KEY", "TENURE_STRIPE_WEBHOOK_SECRETS"}


def test_what_the_example_comments_out_can_be_taken_in(environment: pytest.MonkeyPatch) -> None:
    text = re.sub(r"^#(TENURE_(?!TEMPORAL_TLS_)[A-Z_]+=.+)$", r"\1", EXAMPLE.read_text("utf-8"), flags=re.MULTILINE)
    Path(".env").write_text(text, encoding="utf-8")
    settings = load_settings(Process.DOCTOR, Path(".env"))
    assert isinstance(settings, BaseModel)
    assert (settings.temporal_tls, settings.brand_colour) == (True, "#0f766e")

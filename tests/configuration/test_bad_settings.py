"""What a process says of settings that it cannot run with."""

from pathlib import Path

import pytest

from configuration.loading import Process
from tests.configuration.variables import GOOD, refused

pytestmark = pytest.mark.usefixtures("bare_environment")

SMTP_FORM = (
    "TENURE_SMTP_URL must be smtp://user:password@host:port, with %40 for @, %2F for /, %3F for ? and %23 for # in the "
    "password"
)
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
        "TENURE_DATABASE_URL must have a port from 1 to 65535: postgresql://user:password@host:5432/tenure",
    ),
    "several hosts in the place of one": (
        {"TENURE_DATABASE_URL": "postgresql://u:hunter2@a:5432,b:5432/d"},
        ("TENURE_DATABASE_URL must name several hosts as postgresql://user:password@/tenure?host=a,b&port=5432,5432"),
    ),
    "hosts without a port each": (
        {"TENURE_DATABASE_URL": "postgresql://u:hunter2@/d?host=a,b&port=5432"},
        "TENURE_DATABASE_URL must have as many ports as hosts in its parameters: host=a,b&port=5432,5432",
    ),
    "a database address with a space": (
        {"TENURE_DATABASE_URL": "postgresql://u:hunter2 hunter2@h/d"},
        "TENURE_DATABASE_URL must have no spaces or control characters in it",
    ),
    "no pool": (
        {"TENURE_DATABASE_POOL": "0"},
        "TENURE_DATABASE_POOL must be how many connections this process may open, 1 to 1000, not '0'",
    ),
    "a pool too large": (
        {"TENURE_DATABASE_POOL": "5000"},
        "TENURE_DATABASE_POOL must be how many connections this process may open, 1 to 1000, not '5000'",
    ),
    "a pool in letters": (
        {"TENURE_DATABASE_POOL": "abc"},
        "TENURE_DATABASE_POOL must be how many connections this process may open, 1 to 1000, not 'abc'",
    ),
    "no requests": (
        {"TENURE_API_CONCURRENCY": "0"},
        "TENURE_API_CONCURRENCY must be how many requests may be in progress at once, 1 to 1000000, not '0'",
    ),
    "another port in letters": (
        {"TENURE_CODEC_PORT": "http"},
        "TENURE_CODEC_PORT must be a port, 1 to 65535, not 'http'",
    ),
    "no patience with locks": (
        {"TENURE_MIGRATION_LOCK_TIMEOUT": "0"},
        "TENURE_MIGRATION_LOCK_TIMEOUT must be a number of seconds, above 0 and up to 3,600, not '0'",
    ),
    "mails without end": (
        {"TENURE_MAILS_A_SECOND": "inf"},
        "TENURE_MAILS_A_SECOND must be a number a second, above 0 and up to 1,000,000, not 'inf'",
    ),
    "payments in words": (
        {"TENURE_PAYMENTS_A_SECOND": "a few"},
        "TENURE_PAYMENTS_A_SECOND must be a number a second, above 0 and up to 1,000,000, not 'a few'",
    ),
    "a share of traces in words": (
        {"TENURE_TRACE_SHARE": "all"},
        "TENURE_TRACE_SHARE must be a share from 0 to 1, like 0.1 for a tenth, not 'all'",
    ),
    "a seller's address like a letter": (
        {"TENURE_BRAND_ADDRESS": "x" * 301},
        "TENURE_BRAND_ADDRESS must be at most 300 characters long",
    ),
    "a public address with a space": (
        {"TENURE_PUBLIC_URL": "https://b ex.org"},
        "TENURE_PUBLIC_URL must have no spaces or control characters in it",
    ),
    "a public address of two lines": (
        {"TENURE_PUBLIC_URL": "https://b.example\n.org"},
        "TENURE_PUBLIC_URL must have no spaces or control characters in it",
    ),
    "an origin with a tab": (
        {"TENURE_EMBED_ORIGINS": "https://acme\t.com"},
        "TENURE_EMBED_ORIGINS must have no spaces or control characters in it",
    ),
    "a catalog with a name too long": (
        {"TENURE_CATALOG": "x" * 300},
        f"TENURE_CATALOG names a file that cannot be reached: {'x' * 300}: File name too long",
    ),
    "a list of erasures in a folder with a name too long": (
        {"TENURE_ERASURES_FILE": f"{'x' * 300}/erasures"},
        f"TENURE_ERASURES_FILE names a file that cannot be reached: {'x' * 300}/erasures: File name too long",
    ),
    "a logo with a name too long": (
        {"TENURE_BRAND_LOGO": f"{'x' * 300}.png"},
        f"TENURE_BRAND_LOGO names a file that cannot be reached: {'x' * 300}.png: File name too long",
    ),
    "an address with a scheme": (
        {"TENURE_TEMPORAL_ADDRESS": "http://temporal:7233"},
        "TENURE_TEMPORAL_ADDRESS must be a host and a port like temporal.internal:7233, not 'http://temporal:7233'",
    ),
    "an address without a port": (
        {"TENURE_TEMPORAL_ADDRESS": "temporal"},
        "TENURE_TEMPORAL_ADDRESS must be a host and a port like temporal.internal:7233, not 'temporal'",
    ),
    "a public address in clear": (
        {"TENURE_PUBLIC_URL": "http://billing.acme.com"},
        (
            "TENURE_PUBLIC_URL must begin with https://, not 'http://billing.acme.com': "
            "http:// is allowed only for localhost"
        ),
    ),
    "a host that only begins like this machine": (
        {"TENURE_PUBLIC_URL": "http://localhost.evil.com"},
        (
            "TENURE_PUBLIC_URL must begin with https://, not 'http://localhost.evil.com': "
            "http:// is allowed only for localhost"
        ),
    ),
    "a public address without a scheme": (
        {"TENURE_PUBLIC_URL": "billing.acme.com"},
        "TENURE_PUBLIC_URL must be a web address like https://billing.yourproduct.com, not 'billing.acme.com'",
    ),
    "a collector without a scheme": (
        {"TENURE_OTLP_ENDPOINT": "collector:4318"},
        "TENURE_OTLP_ENDPOINT must be a collector's address like http://otel-collector:4318, not 'collector:4318'",
    ),
    "a collector with a password": (
        {"TENURE_OTLP_ENDPOINT": "https://user:hunter2@collector"},
        "TENURE_OTLP_ENDPOINT must be a plain address: put credentials into OTEL_EXPORTER_OTLP_HEADERS",
    ),
    "a share of traces in percent": (
        {"TENURE_TRACE_SHARE": "10"},
        "TENURE_TRACE_SHARE must be a share from 0 to 1, like 0.1 for a tenth, not '10'",
    ),
    "a payload key without a name": (
        {"TENURE_PAYLOAD_KEYS": "A" * 43 + "="},
        "TENURE_PAYLOAD_KEYS must be a name and a key, like 2026-11:BASE64, with commas between several",
    ),
    "a payload key that is short": (
        {"TENURE_PAYLOAD_KEYS": "old:aHVudGVyMg=="},
        ("TENURE_PAYLOAD_KEYS has a key 'old' that is not 32 bytes in base64: make one with `openssl rand -base64 32`"),
    ),
    "two payload keys of one name": (
        {"TENURE_PAYLOAD_KEYS": f"old:{'A' * 43}=,old:{'B' * 42}A="},
        "TENURE_PAYLOAD_KEYS has the same name twice: give each key a name of its own",
    ),
    "a short secret key": (
        {"TENURE_SECRET_KEY": "q3xUu1kV8mB0sLr7ZtYw2NfKe5cHj9P"},
        "TENURE_SECRET_KEY has 31 characters, but needs 32: generate one with `openssl rand -base64 48`",
    ),
    "a placeholder for a secret key": (
        {"TENURE_SECRET_KEY": "changeme-changeme-changeme-changeme"},
        "TENURE_SECRET_KEY is still a placeholder: generate one with `openssl rand -base64 48`",
    ),
    "a list of erasures in a missing folder": (
        {"TENURE_ERASURES_FILE": "/no/such/folder/erasures.jsonl"},
        "TENURE_ERASURES_FILE must be a file in a folder that is there, not /no/such/folder/erasures.jsonl",
    ),
    "a word for deleting at Stripe": (
        {"TENURE_ERASE_AT_STRIPE": "perhaps"},
        "TENURE_ERASE_AT_STRIPE must be true or false",
    ),
    "a proxy without an address": (
        {"TENURE_EGRESS_PROXY": "egress.internal:4750"},
        "TENURE_EGRESS_PROXY must be the address of a proxy like http://egress.internal:4750",
    ),
    "a short trial key": (
        {"TENURE_TRIAL_KEY": "q3xUu1kV8mB0sLr7ZtYw2NfKe5cHj9P"},
        "TENURE_TRIAL_KEY has 31 characters, but needs 32: generate one with `openssl rand -base64 48`",
    ),
    "a placeholder for a trial key": (
        {"TENURE_TRIAL_KEY": "changeme-changeme-changeme-changeme"},
        "TENURE_TRIAL_KEY is still a placeholder: generate one with `openssl rand -base64 48`",
    ),
    "a secret key of one letter": (
        {"TENURE_SECRET_KEY": "x" * 64},
        "TENURE_SECRET_KEY is easy to guess: generate one with `openssl rand -base64 48`",
    ),
    "one weak secret key of two": (
        {"TENURE_SECRET_KEY": f"{GOOD['TENURE_SECRET_KEY']},short"},
        "TENURE_SECRET_KEY number 2 of 2 has 5 characters, but needs 32: generate one with `openssl rand -base64 48`",
    ),
    "the same secret key twice": (
        {"TENURE_SECRET_KEY": f"{GOOD['TENURE_SECRET_KEY']}, {GOOD['TENURE_SECRET_KEY']}"},
        "TENURE_SECRET_KEY has the same secret twice: put a new one before the old one, or leave one out",
    ),
    "nothing but commas for secret keys": (
        {"TENURE_SECRET_KEY": " , "},
        "TENURE_SECRET_KEY must have at least one secret: generate one with `openssl rand -base64 48`",
    ),
    "a publishable key": (
        {"TENURE_STRIPE_API_KEY": "pk_live_51HxT0pAbCdEfGhIjKlMn"},
        "TENURE_STRIPE_API_KEY is a publishable key: use the secret key, sk_..., or a restricted one, rk_...",
    ),
    "no key of Stripe": (
        {"TENURE_STRIPE_API_KEY": "hunter2hunter2hunter2"},
        "TENURE_STRIPE_API_KEY is not a Stripe API key: those start with sk_test_, sk_live_, rk_test_ or rk_live_",
    ),
    "a stand-in for Stripe in clear": (
        {"TENURE_STRIPE_API_BASE": "http://stripe.acme.com"},
        (
            "TENURE_STRIPE_API_BASE must begin with https://, not 'http://stripe.acme.com': "
            "http:// is allowed only for localhost"
        ),
    ),
    "a second webhook secret that is none": (
        {"TENURE_STRIPE_WEBHOOK_SECRETS": "whsec_aaaabbbbccccddddeeee,hunter2hunter2hunter2"},
        (
            "TENURE_STRIPE_WEBHOOK_SECRETS number 2 of 2 is not the signing secret of a webhook endpoint: "
            "those start with whsec_"
        ),
    ),
    "a short webhook secret": (
        {"TENURE_STRIPE_WEBHOOK_SECRETS": "whsec_hunter2"},
        "TENURE_STRIPE_WEBHOOK_SECRETS is not the signing secret of a webhook endpoint: those start with whsec_",
    ),
    "commas alone": (
        {"TENURE_STRIPE_WEBHOOK_SECRETS": " , "},
        "TENURE_STRIPE_WEBHOOK_SECRETS must have at least one signing secret, whsec_...",
    ),
    "a mail server by http": (
        {"TENURE_SMTP_URL": "http://u:hunter2@h"},
        "TENURE_SMTP_URL must be a mail server's address: smtp://, smtps:// or smtp+starttls://, then host and port",
    ),
    "a user without a password": (
        {"TENURE_SMTP_URL": "smtp://u@h"},
        "TENURE_SMTP_URL must have both a user and a password, or neither",
    ),
    "a mail server with a path": (
        {"TENURE_SMTP_URL": "smtp://u:hunter2@h/x"},
        SMTP_FORM,
    ),
    "a slash in the mail server's password": ({"TENURE_SMTP_URL": "smtp://u:hunter2/x@h:587"}, SMTP_FORM),
    "a mark in the mail server's password": ({"TENURE_SMTP_URL": "smtp://u:hunter2#x@h:587"}, SMTP_FORM),
    "a sender that is no address": (
        {"TENURE_MAIL_FROM": "Acme Billing"},
        "TENURE_MAIL_FROM must be a mail address like Your Product <billing@yourproduct.com>, not 'Acme Billing'",
    ),
    "a catalog that is not there": (
        {"TENURE_CATALOG": "none.yaml"},
        "TENURE_CATALOG names a missing file: none.yaml",
    ),
    "a port that is an address": (
        {"TENURE_API_PORT": "tcp://10.0.0.1:80"},
        "TENURE_API_PORT must be a port, 1 to 65535, not 'tcp://10.0.0.1:80'",
    ),
    "a port too high": ({"TENURE_API_PORT": "65536"}, "TENURE_API_PORT must be a port, 1 to 65535, not '65536'"),
    "metrics at a name": (
        {"TENURE_METRICS_ADDRESS": "metrics.internal:9464"},
        (
            "TENURE_METRICS_ADDRESS must be an IP address and a port of this machine, like 0.0.0.0:9464,"
            " not 'metrics.internal:9464'"
        ),
    ),
    "metrics without a port": (
        {"TENURE_METRICS_ADDRESS": "::1"},
        "TENURE_METRICS_ADDRESS must be an IP address and a port of this machine, like 0.0.0.0:9464, not '::1'",
    ),
    "an API key in clear": (
        {"TENURE_TEMPORAL_API_KEY": "hunter2"},
        "TENURE_TEMPORAL_TLS must be true, since TENURE_TEMPORAL_API_KEY is set",
    ),
    "a certificate without its key": (
        {"TENURE_TEMPORAL_TLS": "true", "TENURE_TEMPORAL_TLS_CLIENT_CERT": "catalog.yaml"},
        "TENURE_TEMPORAL_TLS needs both TENURE_TEMPORAL_TLS_CLIENT_CERT and TENURE_TEMPORAL_TLS_CLIENT_KEY, or neither",
    ),
    "a deployment with a dot": (
        {"TENURE_DEPLOYMENT": "tenure.eu"},
        "TENURE_DEPLOYMENT must be a name of letters, digits, _, - and / like tenure, not 'tenure.eu'",
    ),
    "a deployment without a build": (
        {"TENURE_BUILD_ID": ""},
        "TENURE_BUILD_ID is missing: with TENURE_DEPLOYMENT each release of the workers needs one of its own",
    ),
    "a build without a deployment": (
        {"TENURE_DEPLOYMENT": ""},
        "TENURE_BUILD_ID needs TENURE_DEPLOYMENT: a build without a deployment is no version",
    ),
    "a build with a space": (
        {"TENURE_BUILD_ID": "0.1.0 beta"},
        "TENURE_BUILD_ID must be of letters, digits, ., _, - and + like 0.1.0-a3f9c21, not '0.1.0 beta'",
    ),
    "probes without a port": (
        {"TENURE_HEALTH_ADDRESS": "0.0.0.0"},  # noqa: S104
        "TENURE_HEALTH_ADDRESS must be an IP address and a port of this machine, like 0.0.0.0:9464, not '0.0.0.0'",
    ),
    "neither true nor false": ({"TENURE_TEMPORAL_TLS": "perhaps"}, "TENURE_TEMPORAL_TLS must be true or false"),
    "a log in another format": ({"TENURE_LOG_FORMAT": "xml"}, "TENURE_LOG_FORMAT must be 'json' or 'console'"),
    "a colour by name": (
        {"TENURE_BRAND_COLOUR": "teal"},
        "TENURE_BRAND_COLOUR must be a colour in six hex digits, like #0f766e, not 'teal'",
    ),
    "webhooks forgotten while the provider can send them again": (
        {"TENURE_RETENTION_WEBHOOKS_DAYS": "30"},
        "TENURE_RETENTION_WEBHOOKS_DAYS must be 31 days or more, not 30: see docs/operations.md, Retention",
    ),
    "idempotency keys forgotten within a day": (
        {"TENURE_RETENTION_IDEMPOTENCY_HOURS": "23"},
        "TENURE_RETENTION_IDEMPOTENCY_HOURS must be 24 hours or more, not 23: see docs/operations.md, Retention",
    ),
    "counters of months forgotten within a year": (
        {"TENURE_RETENTION_COUNTERS_MONTHS": "13"},
        "TENURE_RETENTION_COUNTERS_MONTHS must be 14 months or more, not 13: see docs/operations.md, Retention",
    ),
    "a retention for ever": (
        {"TENURE_RETENTION_EVENTS_DAYS": "ever"},
        "TENURE_RETENTION_EVENTS_DAYS must be a number of days up to 36500, not 'ever'",
    ),
    "a time zone by its letters": (
        {"TENURE_TIMEZONE": "CEST"},
        "TENURE_TIMEZONE must be a time zone like Europe/Berlin, not 'CEST'",
    ),
    "an origin with a path": (
        {"TENURE_EMBED_ORIGINS": "https://acme.com, https://www.acme.com/plans"},
        (
            "TENURE_EMBED_ORIGINS must be origins like https://yourproduct.com, without a path, "
            "not 'https://www.acme.com/plans'"
        ),
    ),
    "an origin that would add to the headers": (
        {"TENURE_EMBED_ORIGINS": "https://*.acme.com;script-src"},
        (
            "TENURE_EMBED_ORIGINS must be origins like https://yourproduct.com, without a path, "
            "not 'https://*.acme.com;script-src'"
        ),
    ),
    "an origin without encryption": (
        {"TENURE_EMBED_ORIGINS": "http://acme.com"},
        "TENURE_EMBED_ORIGINS must begin with https://, not 'http://acme.com': http:// is allowed only for localhost",
    ),
    "a sign-up with a query": (
        {"TENURE_SIGN_UP_URL": "https://acme.com/sign-up?from=pricing"},
        "TENURE_SIGN_UP_URL must be a plain web address, without user, password, ? or #",
    ),
    "a rate in words": (
        {"TENURE_RATE_LISTS": "100, read_only=few"},
        (
            "TENURE_RATE_LISTS must be requests a second, like 100, or 100, read_only=20 with rates for some roles; "
            "0 is no limit; not 'few'"
        ),
    ),
    "a negative rate": (
        {"TENURE_RATE_UNKNOWN_KEYS": "-1"},
        (
            "TENURE_RATE_UNKNOWN_KEYS must be requests a second, like 100, or 100, read_only=20 with rates for some "
            "roles; 0 is no limit; not '-1'"
        ),
    ),
    "no replicas": (
        {"TENURE_API_REPLICAS": "0"},
        "TENURE_API_REPLICAS must be how many API processes run, 1 to 10000, not '0'",
    ),
    "everybody as a proxy": (
        {"TENURE_TRUSTED_PROXIES": "10.0.0.1, *"},
        (
            "TENURE_TRUSTED_PROXIES must be addresses or networks of proxies like 10.0.0.0/8, with commas between, "
            "not '*'"
        ),
    ),
    "a misspelt name": (
        {"TENURE_STRIPE_WEBHOOK_SECRET": "hunter2"},
        "TENURE_STRIPE_WEBHOOK_SECRET is not a setting: did you mean TENURE_STRIPE_WEBHOOK_SECRETS?",
    ),
    "a name like no other": (
        {"TENURE_XYZZY": "hunter2"},
        "TENURE_XYZZY is not a setting: remove it; .env.example lists all settings",
    ),
}


@pytest.mark.parametrize(("settings", "problem"), WEAK.values(), ids=WEAK)
def test_a_bad_setting_is_named_with_what_to_do_and_no_secret_is_repeated(
    environment: pytest.MonkeyPatch, settings: dict[str, str], problem: str
) -> None:
    for name, value in settings.items():
        environment.setenv(name, value)
    error = refused(Process.DOCTOR)
    assert error.problems == (problem,)
    assert "hunter2" not in f"{error}{error!r}{error.__cause__!r}"


def test_a_misspelt_name_in_the_file_is_reported_with_the_file() -> None:
    Path(".env").write_text("TENURE_DATABASE_URL=postgresql://h/d\nTENURE_LOGLEVEL=debug\n")
    assert refused(Process.KEYS, Path(".env")).problems == (
        "TENURE_LOGLEVEL (in .env) is not a setting: did you mean TENURE_LOG_LEVEL?",
    )


def test_a_file_in_another_encoding_is_refused() -> None:
    Path(".env").write_bytes("TENURE_BRAND_NAME=Größe\n".encode("latin-1"))
    assert refused(Process.KEYS, Path(".env")).problems == (".env is not UTF-8: save it as UTF-8",)


def test_a_file_that_cannot_be_read_is_named_with_the_reason() -> None:
    name = Path("x" * 300)
    assert refused(Process.KEYS, name).problems[0] == f"{name} cannot be read: File name too long"

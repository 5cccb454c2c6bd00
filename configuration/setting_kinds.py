"""Types of settings, each with a message that says how to fix a bad one. No message contains a secret."""

import base64
import binascii
import re
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr, StringConstraints
from pydantic_settings import NoDecode

from configuration.database_urls import check_database_url
from configuration.mail_addresses import mail_address
from configuration.timezones import is_timezone

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
SHORTEST_SECRET_KEY, FEWEST_LETTERS = 32, 10
LOGO_ENDINGS = (".svg", ".png", ".webp", ".jpg", ".jpeg")
LARGEST_LOGO = 20_000
"""Bytes."""
_PLACEHOLDER = re.compile(
    r"change[-_ ]?(me|this)|replace[-_ ]|placeholder|example|your[-_ ]|secret[-_]key", re.IGNORECASE
)
PAYLOAD_KEY_BYTES = 32
_PAYLOAD_KEY = re.compile(r"(?P<name>[A-Za-z0-9._-]{1,40}):(?P<key>\S+)")
_STRIPE_KEY = re.compile(r"(sk|rk)_(test|live)_[A-Za-z0-9_-]{10,}")
_STRIPE_ACCOUNT = re.compile(r"acct_[A-Za-z0-9_]+")
_WEBHOOK_SECRET = re.compile(r"whsec_[A-Za-z0-9+/=_-]{16,}")
_DEPLOYMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_/-]{0,99}")
_BUILD_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_SENDER = re.compile(r"(?:(?P<name>[^<>]*)<(?P<inner>[^<>]+)>|(?P<bare>[^<>\s]+))")


_UNFIT: Final = "must have no spaces or control characters in it"


def _in_one_piece(text: str) -> str:
    """The text without what surrounds it: a file that `echo` has written ends with a line break."""
    text = text.strip()
    if not text.isprintable() or any(sign.isspace() for sign in text):
        raise ValueError(_UNFIT)
    return text


def _secret_in_one_piece(secret: SecretStr) -> SecretStr:
    return SecretStr(_in_one_piece(secret.get_secret_value()))


def _database(url: SecretStr) -> SecretStr:
    check_database_url(url.get_secret_value())
    return url


def _mail_server(url: SecretStr) -> SecretStr:
    scheme, has_scheme, rest = url.get_secret_value().partition("://")
    if not has_scheme or scheme not in ("smtp", "smtps", "smtp+starttls") or not rest:
        raise ValueError("must be a mail server's address: smtp://, smtps:// or smtp+starttls://, then host and port")
    parts = _split(url.get_secret_value())
    if parts is None or not parts.hostname or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError(
            "must be smtp://user:password@host:port, with %40 for @, %2F for /, %3F for ? and %23 for # in the password"
        )
    if bool(parts.username) != bool(parts.password):
        raise ValueError("must have both a user and a password, or neither")
    return url


def _web_address(url: str) -> str:
    parts = _split(url)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"must be a web address like https://billing.yourproduct.com, not {url!r}")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must be a plain web address, without user, password, ? or #")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ValueError(f"must begin with https://, not {url!r}: http:// is allowed only for localhost")
    return url.rstrip("/")


def _collector(url: str) -> str:
    parts = _split(url)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"must be a collector's address like http://otel-collector:4318, not {url!r}")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must be a plain address: put credentials into OTEL_EXPORTER_OTLP_HEADERS")
    return url.rstrip("/")


def _colour(text: str) -> str:
    if not _COLOUR.fullmatch(text):
        raise ValueError(f"must be a colour in six hex digits, like #0f766e, not {text!r}")
    return text


def _payload_key(key: SecretStr) -> str:
    """Its name; the message of an error does not contain it."""
    found = _PAYLOAD_KEY.fullmatch(key.get_secret_value())
    if found is None:
        raise ValueError("must be a name and a key, like 2026-11:BASE64, with commas between several")
    try:
        size = len(base64.b64decode(found["key"], validate=True))
    except binascii.Error:
        size = 0
    if size != PAYLOAD_KEY_BYTES:
        raise ValueError(
            f"has a key {found['name']!r} that is not {PAYLOAD_KEY_BYTES} bytes in base64:"
            " make one with `openssl rand -base64 32`"
        )
    return found["name"]


def _all_payload_keys(keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    names = [_payload_key(key) for key in keys]
    if len(set(names)) < len(names):
        raise ValueError("has the same name twice: give each key a name of its own")
    return keys


def _proxy_address(url: str) -> str:
    parts = _split(url)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
        raise ValueError("must be the address of a proxy like http://egress.internal:4750")
    return url.rstrip("/")


def _secret_key(key: SecretStr, which: str = "") -> SecretStr:
    text = key.get_secret_value()
    if _PLACEHOLDER.search(text):
        raise ValueError(f"{which}is still a placeholder: generate one with `openssl rand -base64 48`")
    if len(text) < SHORTEST_SECRET_KEY:
        raise ValueError(
            f"{which}has {len(text)} characters, but needs {SHORTEST_SECRET_KEY}:"
            " generate one with `openssl rand -base64 48`"
        )
    if len(set(text)) < FEWEST_LETTERS:
        raise ValueError(f"{which}is easy to guess: generate one with `openssl rand -base64 48`")
    return key


def _all_secret_keys(keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    for number, key in enumerate(keys, start=1):
        _secret_key(key, f"number {number} of {len(keys)} " if len(keys) > 1 else "")
    if not keys:
        raise ValueError("must have at least one secret: generate one with `openssl rand -base64 48`")
    if len(set(keys)) < len(keys):
        raise ValueError("has the same secret twice: put a new one before the old one, or leave one out")
    return keys


def _stripe_key(key: SecretStr) -> SecretStr:
    text = key.get_secret_value()
    if text.startswith("pk_"):
        raise ValueError("is a publishable key: use the secret key, sk_..., or a restricted one, rk_...")
    if _PLACEHOLDER.search(text) or not _STRIPE_KEY.fullmatch(text):
        raise ValueError("is not a Stripe API key: those start with sk_test_, sk_live_, rk_test_ or rk_live_")
    return key


def _stripe_account(account: str) -> str:
    if not _STRIPE_ACCOUNT.fullmatch(account):
        raise ValueError(f"must be a Stripe account id like acct_1A2b3C4d5E6f7G8h, not {account!r}")
    return account


def _listed_secrets(text: object) -> object:
    return [SecretStr(one.strip()) for one in text.split(",") if one.strip()] if isinstance(text, str) else text


def _all_webhook_secrets(secrets: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    for number, secret in enumerate(secrets, start=1):
        text = secret.get_secret_value()
        if _PLACEHOLDER.search(text) or not _WEBHOOK_SECRET.fullmatch(text):
            which = f"number {number} of {len(secrets)} " if len(secrets) > 1 else ""
            raise ValueError(f"{which}is not the signing secret of a webhook endpoint: those start with whsec_")
    if not secrets:
        raise ValueError("must have at least one signing secret, whsec_...")
    return secrets


def _address(text: str) -> str:
    try:
        mail_address(text)
    except ValueError as error:
        raise ValueError(f"must be a mail address, not {text!r}: {error}") from None
    return text


def _sender(text: str) -> str:
    text = text.strip()
    found = _SENDER.fullmatch(text)
    if found is None or not text.isprintable():
        raise ValueError(f"must be a mail address like Your Product <billing@yourproduct.com>, not {text!r}")
    _address(found["inner"] or found["bare"])
    return text if found["bare"] else f"{found['name']}<{mail_address(found['inner'])}>".strip()


def _deployment(name: str) -> str:
    if not _DEPLOYMENT.fullmatch(name):
        raise ValueError(f"must be a name of letters, digits, _, - and / like tenure, not {name!r}")
    return name


def _build_id(text: str) -> str:
    if not _BUILD_ID.fullmatch(text):
        raise ValueError(f"must be of letters, digits, ., _, - and + like 0.1.0-a3f9c21, not {text!r}")
    return text


def _host_and_port(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host or "/" in text or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f"must be a host and a port like temporal.internal:7233, not {text!r}")
    return text


def _listen_address(text: str) -> str:
    host, _, port = text.rpartition(":")
    try:
        ip_address(host.removeprefix("[").removesuffix("]"))
        is_port = port.isascii() and port.isdigit() and 0 < int(port) < 65536
    except ValueError:
        is_port = False
    if not is_port or (":" in host.strip("[]") and not host.startswith("[")):
        raise ValueError(f"must be an IP address and a port of this machine, like 0.0.0.0:9464, not {text!r}")
    return text


def _file(path: Path) -> Path:
    with _reached(path):
        if not path.is_file():
            raise ValueError(f"names a missing file: {path}")
        path.open("rb").close()
    return path


def _writable(path: Path) -> Path:
    with _reached(path):
        if path.is_dir() or not path.parent.is_dir():
            raise ValueError(f"must be a file in a folder that is there, not {path}")
    return path


@contextmanager
def _reached(path: Path) -> Iterator[None]:
    """A path may be too long, or in a folder that this user may not enter."""
    try:
        yield
    except OSError as error:
        raise ValueError(f"names a file that cannot be reached: {path}: {error.strerror}") from None


def _listed(text: object) -> object:
    return tuple(one.strip() for one in text.split(",") if one.strip()) if isinstance(text, str) else text


def _all_origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_origin(one) for one in origins)


def _origin(text: str) -> str:
    url = _web_address(_in_one_piece(text))
    parts = _split(url)
    if parts is None or parts.path or not url.isascii() or set(url) & set(";,' *\""):
        raise ValueError(f"must be origins like https://yourproduct.com, without a path, not {text!r}")
    return url.lower()


def _logo(path: Path) -> Path:
    if path.suffix.lower() not in LOGO_ENDINGS:
        raise ValueError(f"must be an image that ends in {', '.join(LOGO_ENDINGS)}, not {path}")
    with _reached(path):
        size = path.stat().st_size
    if size > LARGEST_LOGO:
        raise ValueError(
            f"must be at most {LARGEST_LOGO // 1000} kB: {path} has {size // 1000} kB, and every page waits for it"
        )
    return path


def _timezone(name: str) -> str:
    if not is_timezone(name):
        raise ValueError(f"must be a time zone like Europe/Berlin, not {name!r}")
    return name


def _all_networks(texts: tuple[str, ...]) -> tuple[str, ...]:
    for text in texts:
        try:
            ip_network(text)
        except ValueError:
            raise ValueError(
                f"must be addresses or networks of proxies like 10.0.0.0/8, with commas between, not {text!r}"
            ) from None
    return texts


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    return None if port == 0 else parts


DatabaseUrl = Annotated[SecretStr, AfterValidator(_secret_in_one_piece), AfterValidator(_database)]
SmtpUrl = Annotated[SecretStr, AfterValidator(_secret_in_one_piece), AfterValidator(_mail_server)]
OnePiece = Annotated[str, AfterValidator(_in_one_piece)]
SecretInOnePiece = Annotated[SecretStr, AfterValidator(_secret_in_one_piece)]
WebAddress = Annotated[OnePiece, AfterValidator(_web_address)]
PayloadKeys = Annotated[
    tuple[SecretStr, ...], NoDecode, BeforeValidator(_listed_secrets), AfterValidator(_all_payload_keys)
]
CollectorAddress = Annotated[OnePiece, AfterValidator(_collector)]
ProxyAddress = Annotated[OnePiece, AfterValidator(_proxy_address)]
SecretKey = Annotated[SecretStr, AfterValidator(_secret_key)]
SecretKeys = Annotated[
    tuple[SecretStr, ...], NoDecode, BeforeValidator(_listed_secrets), AfterValidator(_all_secret_keys)
]
StripeAccountId = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(_stripe_account)]
StripeKey = Annotated[SecretInOnePiece, AfterValidator(_stripe_key)]
WebhookSecrets = Annotated[
    tuple[SecretStr, ...], NoDecode, BeforeValidator(_listed_secrets), AfterValidator(_all_webhook_secrets)
]
Address = Annotated[OnePiece, AfterValidator(_address)]
Sender = Annotated[str, AfterValidator(_sender)]
HostAndPort = Annotated[OnePiece, AfterValidator(_host_and_port)]
DeploymentName = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(_deployment)]
BuildId = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(_build_id)]
ListenAddress = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(_listen_address)]
ExistingFile = Annotated[Path, AfterValidator(_file)]
WritableFile = Annotated[Path, AfterValidator(_writable)]
Origins = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed), AfterValidator(_all_origins)]
Logo = Annotated[Path, AfterValidator(_file), AfterValidator(_logo)]
Colour = Annotated[str, AfterValidator(_colour)]
Networks = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed), AfterValidator(_all_networks)]
Timezone = Annotated[str, AfterValidator(_timezone)]

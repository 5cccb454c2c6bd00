"""Which addresses of PostgreSQL are accepted, and what is said of the others."""

from pathlib import Path

import pytest

from configuration.database_urls import check_database_url

BASE = "postgresql://tenure:hunter2@db.internal:5432/tenure"


@pytest.fixture(autouse=True)
def no_certificates(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing is there that the driver would find by itself."""
    monkeypatch.delenv("PGSSLROOTCERT", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name in ("ca.crt", "client.crt", "client.key"):
        Path(name).touch()


@pytest.mark.parametrize(
    "query",
    [
        "sslmode=require&channel_binding=prefer",
        "sslmode=verify-full&sslrootcert=ca.crt&sslcert=client.crt&sslkey=client.key",
        "sslmode=require&sslnegotiation=direct",
        "ssl=require",
        "application_name=tenure%20api&options=-csearch_path%3Dbilling&connect_timeout=10",
        "gssencmode=disable&target_session_attrs=read-write",
        "host=a,b&port=5432,5433",
    ],
)
def test_parameters_that_can_be_carried_out_are_accepted(query: str) -> None:
    check_database_url(f"{BASE}?{query}")


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        ("channel_binding=require", "has channel_binding=require, which the driver cannot do: leave it out"),
        ("gssencmode=require", "has gssencmode=require, which the driver cannot do: leave it out"),
        ("sslmode=foo", "has a parameter sslmode that must be one of disable, allow, prefer, require, verify-ca, "),
        ("sslmode=", "has an empty parameter sslmode"),
        ("ssl=true", "has a parameter ssl that must be one of disable, "),
        ("sslmode=require&sslmode=disable", "has the parameter sslmode twice"),
        ("ssl=require&sslmode=require", "has both ssl and sslmode: leave ssl out"),
        ("sslmode=verify-full", "has sslmode=verify-full, which needs sslrootcert too, such as sslrootcert=/etc/ssl/"),
        ("sslrootcert=ca.crt", "has sslrootcert, which is used with sslmode=verify-full alone: add that"),
        ("sslmode=verify-full&sslrootcert=none.crt", "has a parameter sslrootcert with a file that cannot be read: No"),
        ("sslmode=verify-full&sslrootcert=system", "has sslrootcert=system, which is not possible: name the file"),
        ("sslkey=client.key", "has sslkey, which needs sslcert too"),
        ("sslnegotiation=direct", "has sslnegotiation=direct, which needs sslmode=require or verify-full"),
        ("connect_timeout=soon", "has a parameter connect_timeout that must be from 1 to 600 seconds"),
        ("connect_timeout=0", "has a parameter connect_timeout that must be from 1 to 600 seconds"),
        ("port=70000", "must have ports from 1 to 65535 in its parameter port"),
        (
            "pgbouncer=true",
            "has a parameter pgbouncer, which is not possible: leave it out, and set TENURE_DATABASE_",
        ),
        ("dbname=other", "has a parameter dbname, which is not possible: name the database in the path, as in "),
        ("keepalives=1", "has a parameter keepalives that is not known: leave it out; known are sslmode, ssl, "),
        ("hunter2%40h=1", "has a parameter that is not known: leave it out; known are sslmode, "),
    ],
)
def test_other_parameters_are_refused_by_name_with_what_to_do(query: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=r"^(has|must) ") as caught:
        check_database_url(f"{BASE}?{query}")
    assert str(caught.value).startswith(complaint)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("password", ["hunter2/x", "hunter2?x", "hunter2#x", "hunter2@x", "hunter2[x", "12/x", "1#2"])
def test_a_sign_in_the_password_that_ends_it_early_is_said_to_need_an_escape(password: str) -> None:
    with pytest.raises(ValueError, match="%2F for /, %3F for ") as caught:
        check_database_url(f"postgresql://tenure:{password}@db.internal/tenure")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("url", ["postgresql://[::1]/d", "postgresql://u:p@[::1]:5432/d", "postgres:///d?host=/run"])
def test_hosts_may_be_addresses_or_sockets(url: str) -> None:
    check_database_url(url)


def test_certificates_that_the_driver_finds_by_itself_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSSLROOTCERT", "ca.crt")
    check_database_url(f"{BASE}?sslmode=verify-full")

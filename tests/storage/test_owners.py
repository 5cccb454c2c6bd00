"""The check of the names that tests sign up with detects those that two tests share."""

from tests.harness.owners import Owners
from tests.storage.ledger import Ledger


async def test_a_shared_name_or_address_is_reported_with_its_owner(ledger: Ledger) -> None:
    owners = Owners()
    await ledger.sign_up("ada")
    assert await owners.shared(ledger.engine, "one") == {}

    await ledger.sign_up("grace")
    await ledger.sign_up("ada+again")

    assert await owners.shared(ledger.engine, "two") == {"ada@example.com": "one"}
    assert await owners.shared(ledger.engine, "three") == {}


async def test_each_tenant_has_names_of_its_own(ledger: Ledger) -> None:
    owners = Owners()
    await ledger.sign_up("ada")
    assert await owners.shared(ledger.engine, "one") == {}

    await ledger.sign_up("ada", tenant="acme")

    assert await owners.shared(ledger.engine, "two") == {}

"""The watch over the names that tests sign up with sees those that two of them share."""

from tests.harness.owners import Owners
from tests.storage.ledger import Ledger


async def test_a_name_or_an_address_that_was_another_tests_is_told_with_whose_it_is(ledger: Ledger) -> None:
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

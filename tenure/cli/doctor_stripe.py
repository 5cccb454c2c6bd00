"""The checks of `tenure doctor --stripe`: the account, against docs/stripe.md."""

from configuration.catalog_file import load_catalog
from configuration.loading import Process, SettingsError, load_settings
from domain.findings import Finding
from gateways.stripe.http_client import connected
from gateways.stripe.setup_check import MANUAL_CHECKS, ExpectedSetup, check_setup


async def examine_stripe() -> list[Finding]:
    """Check everything in the account's setup that Stripe's API shows."""
    try:
        settings = load_settings(Process.DOCTOR)
    except SettingsError as error:
        return [Finding("settings", False, problem) for problem in error.problems]
    key = settings.stripe_api_key.get_secret_value()
    expected = ExpectedSetup(
        key,
        f"{settings.public_url.rstrip('/')}/webhooks/stripe",
        len(settings.stripe_webhook_secrets),
        load_catalog(settings.catalog),
    )
    async with connected(key, settings.stripe_api_base) as client:
        return await check_setup(client, expected)


def manual_checks() -> list[str]:
    """Settings that no API call shows, one per line, to be checked manually."""
    return [f"{subject:<12} {words}" for subject, words in MANUAL_CHECKS]

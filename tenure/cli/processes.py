"""The dependencies of the production processes, from their settings."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.common import WorkerDeploymentVersion

from configuration.policy_file import load_policy
from configuration.settings import SiteSettings, TrialSettings, VersionSettings, WorkerSettings
from domain.brand import Brand
from domain.notifications.ports import Mailer
from domain.provider.ports import CallMeter
from domain.signing import SigningSecrets
from storage.catalog.policies import Policies
from storage.subscriptions.trials import TrialKey
from tenure.cli.connections import payment_provider
from tracing.spans import Spans
from worker.build import TaskRates, WorkerActivities
from worker.composition import activities, gateways
from worker.composition.activities import WorkerOptions
from worker.composition.gateways import Outgoing, ProviderLimits


def task_rates(settings: WorkerSettings) -> TaskRates:
    """Return what all workers together may begin per second: as set, else what the key's mode allows."""
    return TaskRates(settings.payments_a_second or _limits(settings).payments_a_second, settings.mails_a_second)


def version_of(settings: VersionSettings) -> WorkerDeploymentVersion | None:
    """The version of the workers; None if they have none."""
    if settings.deployment is None or settings.build_id is None:
        return None
    return WorkerDeploymentVersion(settings.deployment, settings.build_id)


@asynccontextmanager
async def worker_activities(
    settings: WorkerSettings,
    client: Client,
    engine: AsyncEngine,
    spans: Spans | None = None,
    meter: CallMeter | None = None,
) -> AsyncIterator[WorkerActivities]:
    """Yield the activities of the workers. *spans* trace, and a *meter* measures, their requests to the provider.

    Raises:
        ConfigurationError: the policy is invalid.
        Rejected: code `policy_differs`; the policy was published with different content.
    """
    policy = None if settings.policy is None else load_policy(settings.policy)
    if policy is not None:
        await Policies(engine).check(policy)
    async with payment_provider(settings, spans=spans, meter=meter) as provider:
        yield activities.worker_activities(
            client,
            engine,
            provider,
            outgoing(settings),
            policy,
            trial_key_of(settings),
            WorkerOptions(
                _limits(settings).reports_at_once,
                comparisons_a_second=_limits(settings).comparisons_a_second,
                timezone=settings.timezone,
                retention=settings.retention,
                erases_at_provider=settings.erase_at_stripe,
                standalone_activities=settings.standalone_activities,
                is_versioned=version_of(settings) is not None,
            ),
        )


def trial_key_of(settings: TrialSettings) -> TrialKey:
    """The key of the marks by which earlier trials are found."""
    return TrialKey(settings.trial_key.get_secret_value())


def signing_of(settings: SiteSettings) -> SigningSecrets:
    """The secrets that sign links."""
    return SigningSecrets(tuple(one.get_secret_value() for one in settings.secret_key))


def outgoing(settings: WorkerSettings) -> Outgoing:
    """What sends mails and events."""
    sender = gateways.event_sender(settings.egress_proxy)
    return Outgoing(mailer(settings), sender, gateways.encryption(signing_of(settings)))


def mailer(settings: WorkerSettings) -> Mailer:
    """The mailer with the product's branding."""
    brand = Brand(
        settings.brand_name,
        settings.website,
        settings.support_address,
        settings.brand_colour,
        upgrade_url=settings.upgrade_url or "",
        address=settings.brand_address,
    )
    return gateways.mailer(
        brand,
        smtp_url=settings.smtp_url.get_secret_value(),
        sender=settings.mail_from,
        public_url=settings.public_url,
        signing=signing_of(settings),
        logo=settings.brand_logo,
    )


def _limits(settings: WorkerSettings) -> ProviderLimits:
    return ProviderLimits.of(settings.stripe_api_key.get_secret_value())

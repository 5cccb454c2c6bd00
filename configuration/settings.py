"""The settings of a process: environment variables `TENURE_*`, or the same from a file `.env`."""

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo

from configuration.base_settings import Settings
from configuration.mail_addresses import shown_address
from configuration.number_kinds import (
    AddressesASecond,
    Connections,
    Hertz,
    Port,
    Replicas,
    RequestsASecond,
    RequestsAtOnce,
    Seconds,
    Share,
)
from configuration.retention_settings import RetentionSettings
from configuration.setting_kinds import (
    Address,
    BuildId,
    CollectorAddress,
    Colour,
    DatabaseUrl,
    DeploymentName,
    ExistingFile,
    HostAndPort,
    ListenAddress,
    Logo,
    Networks,
    OnePiece,
    Origins,
    PayloadKeys,
    ProxyAddress,
    SecretInOnePiece,
    SecretKey,
    SecretKeys,
    Sender,
    SmtpUrl,
    StripeAccountId,
    StripeKey,
    Timezone,
    WebAddress,
    WebhookSecrets,
    WritableFile,
)
from domain.request_rates import RequestRate

_POLICY = "the policy file, like catalogs/policy.yaml"


def _fits_credentials(tls: bool, info: ValidationInfo) -> bool:
    given = [
        name
        for name in ("api_key", "tls_client_cert", "tls_client_key", "tls_server_ca")
        if info.data.get(f"temporal_{name}") is not None
    ]
    if given and not tls:
        raise ValueError(f"must be true, since TENURE_TEMPORAL_{given[0].upper()} is set")
    pair = [name for name in ("tls_client_cert", "tls_client_key") if name in given]
    if len(pair) == 1:
        raise ValueError("needs both TENURE_TEMPORAL_TLS_CLIENT_CERT and TENURE_TEMPORAL_TLS_CLIENT_KEY, or neither")
    return tls


class Pooler(StrEnum):
    """What stands between us and PostgreSQL."""

    NONE = "none"
    """Nothing, or a pooler in session mode."""
    TRANSACTION = "transaction"
    """A pooler that hands out its connections for one transaction each, such as PgBouncer in transaction mode."""


class DatabaseSettings(Settings):
    """The address of PostgreSQL, and how it is used."""

    database_url: DatabaseUrl = Field(
        description="the address of PostgreSQL, like postgresql://user:password@host:5432/tenure"
    )
    database_pool: Connections = 20
    """The most connections of this process."""
    database_pooler: Pooler = Pooler.NONE


class TemporalSettings(Settings):
    """The address of Temporal, and the credentials for it."""

    temporal_address: HostAndPort = Field(description="the address of Temporal, like temporal.internal:7233")
    temporal_namespace: OnePiece = "default"
    payload_keys: PayloadKeys = ()
    """What Temporal stores is encrypted under the first; empty: it is not encrypted."""
    temporal_api_key: SecretInOnePiece | None = None
    temporal_tls_client_cert: ExistingFile | None = None
    temporal_tls_client_key: ExistingFile | None = None
    temporal_tls_server_ca: ExistingFile | None = None
    standalone_activities: bool = False
    """Deliveries run as activities by themselves, without a workflow each; Temporal offers them in Public Preview."""
    # Last, so that its validator sees the others.
    temporal_tls: Annotated[bool, AfterValidator(_fits_credentials)] = Field(default=False, validate_default=True)


def _of_a_deployment(build_id: str | None, info: ValidationInfo) -> str | None:
    if "deployment" not in info.data:
        return build_id  # a bad one has a problem of its own
    if build_id is None and info.data["deployment"] is not None:
        raise ValueError("is missing: with TENURE_DEPLOYMENT each release of the workers needs one of its own")
    if build_id is not None and info.data["deployment"] is None:
        raise ValueError("needs TENURE_DEPLOYMENT: a build without a deployment is no version")
    return build_id


class VersionSettings(Settings):
    """The version of the workers; with neither they have none."""

    deployment: DeploymentName | None = None
    # After the deployment, which its validator sees.
    build_id: Annotated[BuildId | None, AfterValidator(_of_a_deployment)] = Field(default=None, validate_default=True)


class DeploymentSettings(TemporalSettings):
    """Settings of `tenure deployment`."""

    deployment: DeploymentName = Field(description="the name of the deployment that the workers' versions are of")
    build_id: BuildId | None = None
    """What `set-current` and `ramp` are about if they name no build."""


class StripeSettings(Settings):
    """Access to Stripe."""

    stripe_api_key: StripeKey = Field(description="the secret key of the Stripe account, sk_... or rk_...")
    stripe_api_base: WebAddress | None = None
    """None: Stripe's own."""


class PushSettings(StripeSettings):
    """Settings of `tenure catalog push`."""

    database_url: DatabaseUrl | None = None
    """None: nothing is published; the API publishes when it starts."""


class AddressSettings(Settings):
    """Where the API is reached."""

    public_url: WebAddress = Field(description="the public address of the API, like https://billing.yourproduct.com")


class SiteSettings(AddressSettings):
    """The public address, the brand, and the secret that signs links to customers."""

    secret_key: SecretKeys = Field(
        description="signs links in mails; generate one with `openssl rand -base64 48`; separate several with commas"
    )
    """The first signs, all verify."""
    brand_name: str = "Tenure"
    brand_website: WebAddress | None = None
    """None: the public address."""
    brand_colour: Colour = "#0f766e"
    brand_logo: Logo | None = None
    """None: pages and mails show the brand's name."""
    brand_address: Annotated[str, Field(max_length=300)] = ""
    """The seller's name and postal address, for mails; empty: mails name none."""
    support_email: Address | None = None
    """None: mails name their sender, and pages name no address."""

    @property
    def website(self) -> str:
        return self.brand_website or self.public_url


class TrialSettings(Settings):
    """The key of the marks by which earlier trials are found."""

    trial_key: SecretKey = Field(
        description="makes the marks of trials; generate one with `openssl rand -base64 48`, once: it is never changed"
    )


class OperatorSettings(DatabaseSettings, TemporalSettings):
    """Settings of `tenure policy migrate`, `tenure reconcile` and `tenure usage report`."""


class MigrateSettings(TrialSettings, DatabaseSettings, TemporalSettings):
    """Settings of `tenure migrate`."""

    migration_lock_timeout: Seconds = 5.0
    """Seconds that a migration waits for a lock before it is retried."""


class KeySettings(DatabaseSettings):
    """Settings of `tenure keys`."""

    stripe_api_key: StripeKey | None = None
    """None: keys are for an installation that takes real money."""


class SignInSettings(AddressSettings, DatabaseSettings):
    """Settings of `tenure operators link`."""


class OfferSettings(Settings):
    """The catalog and the policy."""

    catalog: ExistingFile = Field(description="the catalog file, like catalogs/manufacturing.yaml")
    policy: ExistingFile = Field(description=_POLICY)


class ImportSettings(TrialSettings, OfferSettings, StripeSettings, DatabaseSettings, TemporalSettings):
    """Settings of `tenure import`."""


class ErasingSettings(Settings):
    """How far an erasure goes."""

    erase_at_stripe: bool = False
    """Erased customers are deleted at Stripe as well."""


class ErasuresListSettings(Settings):
    """Where erasures are listed outside the database."""

    erasures_file: WritableFile | None = None
    """None: restored backups are not covered."""


class ErasureSettings(TrialSettings, ErasuresListSettings, DatabaseSettings, TemporalSettings):
    """Settings of `tenure erasures apply`."""


class EgressSettings(Settings):
    """How events leave the installation."""

    egress_proxy: ProxyAddress | None = None
    """The proxy through which webhooks are sent; None: directly."""


class ZoneSettings(Settings):
    """Whose days and months the figures are."""

    timezone: Timezone = "UTC"


class MetricsSettings(ZoneSettings, DatabaseSettings):
    """Settings of `tenure metrics`."""


class RateSettings(Settings):
    """How many requests each API key may send a second, by the kind of request; 0: without a limit."""

    rate_requests: RequestsASecond = RequestRate(100)
    rate_checks: RequestsASecond = RequestRate(1000)
    """Checks of entitlements, consume and release."""
    rate_lists: RequestsASecond = RequestRate(20)
    """Lists and figures."""
    rate_unknown_keys: AddressesASecond = 10
    """By network address, of callers without a valid key."""
    api_replicas: Replicas = 1
    """API processes, which share each rate."""
    trusted_proxies: Networks = ("127.0.0.1", "::1")
    """Whose `X-Forwarded-For` names the caller."""


class TracingSettings(Settings):
    """Where traces are sent."""

    otlp_endpoint: CollectorAddress | None = None
    """None: nothing is traced."""
    trace_share: Share = 1.0
    """How many of all traces are recorded."""


class MonitoringSettings(Settings):
    """Where a process is scraped."""

    metrics_address: ListenAddress | None = None
    """None: the API tells its metrics where it answers everything else, and a worker tells none."""


class ApiSettings(
    TracingSettings,
    MonitoringSettings,
    RateSettings,
    TrialSettings,
    ErasingSettings,
    ErasuresListSettings,
    EgressSettings,
    ZoneSettings,
    SiteSettings,
    OfferSettings,
    StripeSettings,
    DatabaseSettings,
    TemporalSettings,
):
    """Settings of `tenure api`."""

    system_database_url: DatabaseUrl | None = None
    """For what the API does across tenants, with a login of its own; None: the same login as for the rest."""
    stripe_webhook_secrets: WebhookSecrets = Field(
        description="the signing secret of the webhook endpoint at Stripe, whsec_...; separate several with commas"
    )
    stripe_account: StripeAccountId | None = None
    """Our own account's id; None: events that name an account are refused."""
    sign_up_url: WebAddress | None = None
    """Where customers sign up, `?plan=` and `interval=` are added; None: the pricing page has no buttons for it."""
    embed_origins: Origins = ()
    """Sites that may show the pricing and the billing pages in a frame."""
    temporal_ui_url: WebAddress | None = None
    """Temporal's own pages, to which the console links; None: it does not."""
    api_host: OnePiece = "0.0.0.0"  # noqa: S104 - a container is reached from outside
    api_port: Port = 8000
    api_concurrency: RequestsAtOnce = 2000
    """The most requests in progress at once in this process."""


class WorkerSettings(
    RetentionSettings,
    TracingSettings,
    MonitoringSettings,
    TrialSettings,
    ErasingSettings,
    EgressSettings,
    ZoneSettings,
    SiteSettings,
    StripeSettings,
    DatabaseSettings,
    VersionSettings,
    TemporalSettings,
):
    """Settings of `tenure worker`."""

    smtp_url: SmtpUrl = Field(description="the mail server, like smtp+starttls://user:password@host:587")
    mail_from: Sender = Field(description="the sender of all mails, like Your Product <billing@yourproduct.com>")
    payments_a_second: Hertz | None = None
    """For all workers together; None: Stripe's limit for keys of this mode."""
    mails_a_second: Hertz = 50.0
    """For all workers together."""
    upgrade_url: WebAddress | None = None
    """Where customers choose a larger plan; None: mails about limits have no button for it."""
    health_address: ListenAddress | None = None
    """Where `/healthz` and `/readyz` are answered; None: nowhere."""
    policy: ExistingFile | None = None
    """For lost workflows whose own policy is lost too; None: these are not restored."""

    @property
    def support_address(self) -> str:
        return self.support_email or shown_address(self.mail_from.rpartition("<")[2].rstrip(">"))


class CodecServerSettings(DatabaseSettings):
    """Settings of `tenure codec-server`."""

    payload_keys: PayloadKeys = Field(description="the keys of `tenure worker`, to decrypt what Temporal stores")
    temporal_ui_url: WebAddress | None = None
    """Temporal's own pages, which may ask; None: no page may."""
    codec_host: OnePiece = "0.0.0.0"  # noqa: S104 - a container is reached from outside
    codec_port: Port = 8081


class WebhookSettings(TrialSettings, StripeSettings, DatabaseSettings, TemporalSettings):
    """Settings of `tenure webhooks replay` and `backfill`: a completed purchase begins a subscription."""


class EverySetting(ApiSettings, WorkerSettings, MigrateSettings):
    """All settings."""

    codec_host: OnePiece = "0.0.0.0"  # noqa: S104 - as in `CodecServerSettings`
    codec_port: Port = 8081

    policy: ExistingFile = Field(description=_POLICY)

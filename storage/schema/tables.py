"""The tables. Every row carries its tenant; everything that must happen once has a unique key."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from storage.schema.columns import claims, tenant

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_MOMENT = DateTime(timezone=True)
_STATUSES = "'trialing', 'active', 'past_due', 'suspended', 'paused', 'canceled'"


def _json(name: str, empty: str = "{}") -> "Column[object]":
    return Column(name, JSONB, nullable=False, server_default=text(f"'{empty}'::jsonb"))


def _made_at(name: str = "created_at") -> "Column[object]":
    return Column(name, _MOMENT, nullable=False, server_default=func.now())


customers = Table(
    "customers",
    METADATA,
    Column("id", Uuid, primary_key=True),
    tenant(),
    Column("external_id", Text, CheckConstraint("external_id <> ''", name="external_id"), nullable=False),
    Column("email", Text, nullable=False),
    Column("name", Text),
    Column("timezone", Text, nullable=False),
    Column("locale", Text, nullable=False),
    Column("customer_ref", Text, doc="their id at the payment provider"),
    Column(
        "former_refs",
        ARRAY(Text),
        nullable=False,
        server_default=text("'{}'::text[]"),
        doc="ids that they had there until the provider deleted them; messages that come late name these",
    ),
    _json("metadata"),
    Column(
        "signing_up",
        ARRAY(Uuid),
        nullable=False,
        server_default=text("'{}'::uuid[]"),
        doc="subscriptions that were asked for: a customer is forgotten when the last of them was refused",
    ),
    Column("erased_at", _MOMENT, doc="since when nothing here names them; nothing may be written that does"),
    _made_at(),
    UniqueConstraint("tenant", "external_id"),
    UniqueConstraint("tenant", "customer_ref"),
    # The provider's events name its customer, not our tenant.
    Index("ix_customers_customer_ref", "customer_ref"),
    Index("ix_customers_tenant_created_at_id", "tenant", "created_at", "id"),
    Index("ix_customers_former_refs", "former_refs", postgresql_using="gin"),
    Index("ix_customers_address", text("lower(email)")),
    # Asked by the function `tenure_find_customers` alone, which has the same expressions.
    Index(
        "ix_customers_search",
        text("(ARRAY[tenant])"),
        literal_column(
            "(external_id || chr(10) || email || chr(10) || coalesce(name, '')"
            " || chr(10) || coalesce(customer_ref, ''))"
        ).label("searched"),
        postgresql_ops={"searched": "gin_trgm_ops"},
        postgresql_using="gin",
        postgresql_with={"fastupdate": "off"},
    ),
)

subscriptions = Table(
    "subscriptions",
    METADATA,
    Column("id", Uuid, primary_key=True),
    tenant(),
    Column("customer", Uuid, ForeignKey(customers.c.id), nullable=False),
    Column("plan", Text, nullable=False),
    Column("plan_name", Text, nullable=False),
    Column("interval", Text, CheckConstraint("interval in ('month', 'year')", name="interval"), nullable=False),
    Column("quantity", Integer, CheckConstraint("quantity > 0", name="quantity"), nullable=False),
    _json("add_ons"),
    Column("amount", BigInteger, CheckConstraint("amount >= 0", name="amount"), nullable=False),
    Column("currency", Text, nullable=False),
    Column("status", Text, CheckConstraint(f"status in ({_STATUSES})", name="status"), nullable=False),
    Column("status_reason", Text, nullable=False),
    Column("access", Text, CheckConstraint("access in ('full', 'limited', 'none')", name="access"), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("trial_ends_at", _MOMENT),
    Column("period_start", _MOMENT),
    Column("period_end", _MOMENT),
    Column("cancel_at", _MOMENT),
    Column("resumes_at", _MOMENT),
    Column("agreement_ref", Text, Computed("coalesce(state ->> 'agreement_ref', '')", persisted=True), nullable=False),
    Column(
        "catalog",
        Text,
        Computed(
            "coalesce(nullif(state ->> 'catalog', ''), "
            "replace(state #>> '{items,0,lookup_key}', "
            "'_' || (state ->> 'plan') || '_' || (state ->> 'interval') || '_v', '_v'), '')",
            persisted=True,
        ),
        nullable=False,
        doc="whose entitlements it keeps",
    ),
    Column(
        "by_use",
        JSONB,
        Computed(
            "nullif(jsonb_path_query_array(state, '$.items[*] ? (@.quantity == 0).lookup_key'), '[]')", persisted=True
        ),
        doc="prices of what is billed by use; none: nothing is",
    ),
    Column("blocked_since", _MOMENT, doc="since when a step of it waits for the outside; none: all goes on"),
    Column("seen_at_provider", _MOMENT, doc="written by earlier releases alone: see `provider_sightings`"),
    _json("next_actions", "[]"),
    Column(
        "next_action_at",
        _MOMENT,
        doc="the first of them that is not left to the provider, kept by a trigger; none: we have nothing to do",
    ),
    Column("state", JSONB, nullable=False, doc="the whole of it, from which a lost workflow can be restored"),
    Column("created_at", _MOMENT, nullable=False),
    _made_at("updated_at"),
    # One live subscription per customer: of two concurrent sign-ups, one is refused.
    Index(
        "uq_subscriptions_live_customer",
        "tenant",
        "customer",
        unique=True,
        postgresql_where=text("status <> 'canceled'"),
    ),
    Index("ix_subscriptions_tenant_created_at_id", "tenant", "created_at", "id"),
    # Lists by these filters read from one of them what they show, and no more.
    Index("ix_subscriptions_tenant_status_created_at_id", "tenant", "status", "created_at", "id"),
    Index("ix_subscriptions_tenant_plan_status_created_at_id", "tenant", "plan", "status", "created_at", "id"),
    Index(
        "ix_subscriptions_blocked",
        "tenant",
        "created_at",
        "id",
        postgresql_where=text("blocked_since is not null"),
    ),
    # What ends next.
    Index("ix_subscriptions_trial_ends_at", "tenant", "trial_ends_at", postgresql_where=text("status = 'trialing'")),
    Index(
        "ix_subscriptions_period_end",
        "tenant",
        "period_end",
        postgresql_where=text("status IN ('active', 'past_due')"),
    ),
    # What of those who owe happens next.
    Index(
        "ix_subscriptions_owing",
        "tenant",
        "next_action_at",
        postgresql_where=text("status IN ('past_due', 'suspended')"),
    ),
    # What is late.
    Index("ix_subscriptions_next_action_at", "next_action_at", postgresql_where=text("next_action_at is not null")),
    # A customer's live subscription first, otherwise the last one.
    Index("ix_subscriptions_customer_latest", "customer", text("(status = 'canceled')"), text("created_at DESC")),
    Index("ix_subscriptions_agreement_ref", "agreement_ref", postgresql_where=text("agreement_ref <> ''")),
    # By this operator class an index finds beginnings, whatever the database's collation.
    Index(
        "ix_subscriptions_tenant_agreement_ref",
        "tenant",
        "agreement_ref",
        postgresql_ops={"agreement_ref": "text_pattern_ops"},
        postgresql_where=text("agreement_ref <> ''"),
    ),
)

provider_sightings = Table(
    "provider_sightings",
    METADATA,
    Column("subscription", Uuid, ForeignKey(subscriptions.c.id), primary_key=True),
    tenant(),
    Column("seen_at", _MOMENT, nullable=False, doc="began the reconciliation that last met its agreement there"),
    Column("shard", SmallInteger, doc="the part of a pass that meets it; null: none has met it yet"),
    Index("ix_provider_sightings_shard", "shard", "subscription", postgresql_where=text("shard is not null")),
    # Every pass rewrites every row: with free space in each page and no index on what changes, in place.
    postgresql_with={"fillfactor": "50"},
)

sign_up_contacts = Table(
    "sign_up_contacts",
    METADATA,
    Column("subscription", Uuid, primary_key=True, doc="which was asked for; it may never come about"),
    tenant(),
    Column("external_id", Text, nullable=False),
    Column("customer", Uuid, nullable=False, doc="their id once they are known; shared by sign-ups at the same time"),
    Column("email", Text, nullable=False),
    Column("name", Text, doc="null, here and below: not said, stays as it is"),
    Column("timezone", Text),
    Column("locale", Text),
    Column("metadata", JSONB),
    Column("customer_ref", Text, doc="their id at the payment provider, made before the first step was written"),
    Column(
        "has_turn", Boolean, nullable=False, server_default=text("false"), doc="puts the customer's card on file now"
    ),
    _made_at(),
    Index("ix_sign_up_contacts_tenant_external_id", "tenant", "external_id"),
    # One card at a time: a refused sign-up must not leave its card on the other's customer.
    Index("uq_sign_up_contacts_turn", "tenant", "external_id", unique=True, postgresql_where=text("has_turn")),
    Index("ix_sign_up_contacts_created_at", "created_at"),
)

journal = Table(
    "journal",
    METADATA,
    Column("subscription", Uuid, ForeignKey(subscriptions.c.id), primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("position", Integer, primary_key=True),
    tenant(),
    Column("kind", Text, nullable=False),
    Column("at", _MOMENT, nullable=False, doc="in the subscription's own time"),
    _made_at("recorded_at"),
    Column("summary", Text, nullable=False),
    Column("cause_kind", Text, nullable=False),
    Column("cause_ref", Text, nullable=False),
    Column("cause_actor", Text, nullable=False),
    _json("details"),
)

mails = Table(
    "mails",
    METADATA,
    Column("id", Uuid, primary_key=True),
    tenant(),
    Column("subscription", Uuid, ForeignKey(subscriptions.c.id), nullable=False),
    Column("key", Text, nullable=False),
    Column("occasion", Text, nullable=False),
    Column("at", _MOMENT, nullable=False),
    _json("facts"),
    Column(
        "status",
        Text,
        CheckConstraint("status in ('queued', 'sent', 'withdrawn', 'refused')", name="status"),
        nullable=False,
        server_default="queued",
    ),
    Column("message_id", Text, unique=True),
    Column("why_not", Text),
    Column("sent_at", _MOMENT),
    _made_at(),
    Column("handed_over_at", _MOMENT, doc="null while it is queued: it may have been left behind"),
    *claims(),
    UniqueConstraint("subscription", "key"),
    Index("ix_mails_queued", "subscription", postgresql_where=text("status = 'queued'")),
    Index(
        "ix_mails_undelivered",
        *("tenant", "status", "created_at", "id"),
        postgresql_where=text("status in ('queued', 'refused')"),
    ),
    Index(
        "ix_mails_to_empty",
        "created_at",
        postgresql_where=text(
            "facts <> '{}'::jsonb AND status <> 'queued' AND occasion NOT IN ('usage_warning', 'usage_limit')"
        ),
    ),
    Index("ix_mails_left_behind", "id", postgresql_where=text("status = 'queued' AND handed_over_at IS NULL")),
)

invoices = Table(
    "invoices",
    METADATA,
    tenant(),
    Column("ref", Text, nullable=False),
    Column("subscription", Uuid, ForeignKey(subscriptions.c.id), nullable=False),
    Column("number", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("pdf", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("period_start", _MOMENT),
    Column("period_end", _MOMENT),
    Column("at", _MOMENT, nullable=False, doc="when we learned of its latest standing, in the subscription's time"),
    Column("total", BigInteger, doc="null, as the next ones: last looked at before this was noted"),
    Column("amount_due", BigInteger),
    Column("amount_paid", BigInteger),
    Column("credit_applied", BigInteger),
    Column("issued_at", _MOMENT),
    Column("paid_at", _MOMENT),
    UniqueConstraint("tenant", "ref"),
    Index("ix_invoices_subscription", "subscription"),
    # Not by `at` alone, which moves when it is paid.
    Index(
        "ix_invoices_tenant_created_ref",
        "tenant",
        text("(CASE WHEN issued_at IS NULL THEN at ELSE issued_at END)"),
        "ref",
    ),
)

pay_pages = Table(
    "pay_pages",
    METADATA,
    tenant(),
    Column("subscription", Uuid, ForeignKey(subscriptions.c.id), primary_key=True),
    Column("generation", Integer, nullable=False, server_default="0", doc="of the links that are good"),
    Column("number", Integer, nullable=False, server_default="0", doc="of pages opened so far"),
    Column("url", Text, nullable=False, server_default="", doc="of the last page; empty: links were renewed since"),
    Column("sequence", BigInteger, nullable=False, server_default="0", doc="of the subscription when it was opened"),
    Column("opened_at", _MOMENT),
)

trials = Table(
    "trials",
    METADATA,
    tenant(),
    Column("kind", Text, CheckConstraint("kind in ('customer', 'email', 'card')", name="kind"), nullable=False),
    Column("digest", Text, nullable=False, doc="of what the trial was begun with; nobody's name or address"),
    Column(
        "keyed",
        Boolean,
        nullable=False,
        server_default=text("false"),
        doc="made with the trial key; those of earlier releases were not, and are given it",
    ),
    Column("subscription", Uuid, ForeignKey(subscriptions.c.id), nullable=False),
    Column("at", _MOMENT, nullable=False, doc="in the subscription's own time"),
    # One trial per mark: of two that start with the same mark at once, one is refused.
    UniqueConstraint("tenant", "kind", "digest"),
    Index("ix_trials_subscription", "subscription"),
)

reversals = Table(
    "reversals",
    METADATA,
    tenant(),
    Column("ref", Text, nullable=False, doc="the dispute, or the charge that was refunded"),
    Column("kind", Text, CheckConstraint("kind in ('refund', 'dispute')", name="kind"), nullable=False),
    Column("subscription", Uuid, ForeignKey(subscriptions.c.id), nullable=False),
    Column("invoice", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", _MOMENT, nullable=False, doc="when we learned of its latest standing, in the subscription's time"),
    UniqueConstraint("tenant", "ref"),
    Index("ix_reversals_subscription", "subscription"),
    Index("ix_reversals_invoice", "tenant", "invoice"),
)

installation = Table(
    "installation",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False, doc="of the whole installation, whatever the tenant"),
)

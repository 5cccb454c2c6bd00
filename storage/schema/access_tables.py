"""Who may call and sign in: API keys, operators, links and sessions; and what was answered to whom."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql import func

from storage.schema.columns import claims, tenant
from storage.schema.tables import METADATA

_MOMENT = DateTime(timezone=True)

api_keys = Table(
    "api_keys",
    METADATA,
    Column("id", Uuid, primary_key=True),
    tenant(),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("key_hash", Text, nullable=False, unique=True),
    Column("created_at", _MOMENT, nullable=False, server_default=func.now()),
    Column("revoked_at", _MOMENT),
    Column("hint", Text, nullable=False, server_default="", doc="how the key begins and ends; empty: not known"),
    Column("created_by", Text, nullable=False, server_default="", doc="the actor; empty: made by an earlier release"),
    Column("expires_at", _MOMENT, doc="null: never"),
    Column("last_used_at", _MOMENT, doc="about a minute behind"),
    Column("replaced_by", Uuid, doc="the key that its rotation made"),
    Index("ix_api_keys_tenant_created_at_id", "tenant", "created_at", "id"),
)

operators = Table(
    "operators",
    METADATA,
    Column("id", Uuid, primary_key=True),
    tenant(),
    Column("email", Text, nullable=False, doc="in lower case"),
    Column("name", Text, nullable=False, server_default=""),
    Column("role", Text, CheckConstraint("role in ('admin', 'operator', 'read_only')", name="role"), nullable=False),
    Column("created_at", _MOMENT, nullable=False, server_default=func.now()),
    Column("disabled_at", _MOMENT, doc="null: may sign in"),
    UniqueConstraint("tenant", "email"),
)

web_links = Table(
    "web_links",
    METADATA,
    Column("token_hash", Text, primary_key=True, doc="of the 256 random bits in the link, which are not stored"),
    tenant(),
    Column("kind", Text, CheckConstraint("kind in ('customer', 'operator')", name="kind"), nullable=False),
    Column("subject", Uuid, nullable=False, doc="whose session it opens: the customer, or the operator"),
    Column("flow", Text, nullable=False, server_default="", doc="the page that it opens"),
    Column("return_url", Text, nullable=False, server_default=""),
    Column("locale", Text, nullable=False, server_default="", doc="empty: the customer's own"),
    Column("embed", Boolean, nullable=False, server_default=text("false"), doc="shown in a frame of the product's"),
    Column("created_at", _MOMENT, nullable=False, server_default=func.now()),
    Column("expires_at", _MOMENT, nullable=False),
    Column("used_at", _MOMENT),
    Index("ix_web_links_expires_at", "expires_at"),
)

web_sessions = Table(
    "web_sessions",
    METADATA,
    Column("id_hash", Text, primary_key=True, doc="of the 256 random bits in the cookie, which are not stored"),
    tenant(),
    Column("kind", Text, CheckConstraint("kind in ('customer', 'operator', 'api_key')", name="kind"), nullable=False),
    Column("subject", Uuid, nullable=False, doc="the customer, the operator, or the API key"),
    Column("role", Text, nullable=False, server_default="", doc="of an operator, when the session began"),
    Column("return_url", Text, nullable=False, server_default=""),
    Column("locale", Text, nullable=False, server_default=""),
    Column("embed", Boolean, nullable=False, server_default=text("false")),
    Column("created_at", _MOMENT, nullable=False, server_default=func.now()),
    Column("seen_at", _MOMENT, nullable=False, server_default=func.now()),
    Column("expires_at", _MOMENT, nullable=False, doc="at the latest; earlier if it is idle"),
    Index("ix_web_sessions_expires_at", "expires_at"),
    Index("ix_web_sessions_subject", "subject"),
)

operator_mails = Table(
    "operator_mails",
    METADATA,
    Column("id", Uuid, primary_key=True),
    tenant(),
    Column("operator", Uuid, nullable=False, doc="whose address it goes to"),
    Column("occasion", Text, nullable=False),
    Column("facts", JSONB, nullable=False, server_default=text("'{}'")),
    Column("created_at", _MOMENT, nullable=False, server_default=func.now()),
    Column("useful_until", _MOMENT, nullable=False, doc="it is not sent any more after this"),
    Column(
        "status",
        Text,
        CheckConstraint("status in ('queued', 'sent', 'refused')", name="status"),
        nullable=False,
        server_default="queued",
    ),
    Column("message_id", Text),
    Column("sent_at", _MOMENT),
    Column("why_not", Text),
    *claims(),
    Index("ix_operator_mails_created_at", "created_at"),
)

saved_views = Table(
    "saved_views",
    METADATA,
    Column("id", Uuid, primary_key=True),
    tenant(),
    Column("operator", Uuid, nullable=False, doc="whose it is; or the API key's holder"),
    Column("page", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("query", Text, nullable=False, doc="the parameters of the page, as in its address"),
    Column("created_at", _MOMENT, nullable=False, server_default=func.now()),
    UniqueConstraint("operator", "page", "name"),
)

idempotency_keys = Table(
    "idempotency_keys",
    METADATA,
    tenant(primary_key=True),
    Column("key", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("status", Integer),
    Column("body", LargeBinary),
    Column("location", Text),
    Column("created_at", _MOMENT, nullable=False, server_default=func.now()),
    Column("completed_at", _MOMENT),
    Column("claim", Uuid),
    # The default is for processes of an earlier release, which claim a key for a minute and do not renew it.
    Column("claimed_until", _MOMENT, nullable=False, server_default=text("(now() + '00:01:00'::interval)")),
    Index("ix_idempotency_keys_created_at", "created_at"),
)

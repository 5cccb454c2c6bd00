"""The table of purchases on hosted pages."""

from sqlalchemy import CheckConstraint, Column, DateTime, Index, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql import func

from storage.schema.columns import tenant
from storage.schema.tables import METADATA

_MOMENT = DateTime(timezone=True)

purchases = Table(
    "purchases",
    METADATA,
    Column("subscription", Uuid, primary_key=True, doc="which it will begin; it may never come about"),
    tenant(),
    Column("page_ref", Text, nullable=False, unique=True, doc="the page's id at the payment provider"),
    Column("url", Text, nullable=False),
    Column("success_url", Text, nullable=False),
    Column("customer_ref", Text, nullable=False, server_default="", doc="of a former customer"),
    Column("sign_up", JSONB, nullable=False, doc="the sign-up; with personal data, so it is deleted with the row"),
    Column(
        "state",
        Text,
        CheckConstraint("state in ('open', 'begun', 'refusing', 'refused', 'expired')", name="state"),
        nullable=False,
        server_default="open",
    ),
    Column("code", Text, nullable=False, server_default="", doc="why it is refused"),
    Column("created_at", _MOMENT, nullable=False, server_default=func.now()),
    Column("expires_at", _MOMENT, nullable=False),
    Column("completed_at", _MOMENT, doc="when we learned of it"),
    Column("busy_until", _MOMENT, doc="another process takes it over until then"),
    Column("look_at", _MOMENT, nullable=False, doc="when the sweep looks at it next"),
    Index("ix_purchases_look_at", "look_at", postgresql_where=text("state in ('open', 'refusing')")),
    Index("ix_purchases_expires_at", "expires_at"),
)

"""Sessions that an API key has begun, and mails to operators."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

WAITS = "5s"
"""The longest that a step waits for a table which others use; whoever comes behind waits as long."""
BEFORE, AFTER = "kind in ('customer', 'operator')", "kind in ('customer', 'operator', 'api_key')"


def upgrade() -> None:
    _replace_check(AFTER)
    op.create_table(
        "operator_mails",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("operator", sa.Uuid(), nullable=False),
        sa.Column("occasion", sa.Text(), nullable=False),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("useful_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Text(), server_default="queued", nullable=False),
        sa.Column("message_id", sa.Text(), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("why_not", sa.Text(), nullable=True),
        sa.CheckConstraint("tenant <> ''", name=op.f("ck_operator_mails_tenant")),
        sa.CheckConstraint("status in ('queued', 'sent', 'refused')", name=op.f("ck_operator_mails_status")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operator_mails")),
    )
    op.create_index("ix_operator_mails_created_at", "operator_mails", ["created_at"])
    op.execute("SELECT tenure_protect('operator_mails')")
    op.execute("ALTER TABLE operator_mails VALIDATE CONSTRAINT ck_operator_mails_tenant")


def downgrade() -> None:
    op.drop_table("operator_mails")
    op.execute("DELETE FROM web_sessions WHERE kind = 'api_key'")
    _replace_check(BEFORE)


def _replace_check(condition: str) -> None:
    op.execute(f"SET LOCAL lock_timeout = '{WAITS}'")
    op.drop_constraint(op.f("ck_web_sessions_kind"), "web_sessions", type_="check")
    op.create_check_constraint(op.f("ck_web_sessions_kind"), "web_sessions", condition)

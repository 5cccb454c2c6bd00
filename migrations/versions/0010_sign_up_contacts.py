"""What a sign-up says of its customer, until it is accepted."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sign_up_contacts",
        sa.Column("subscription", sa.Uuid(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("customer", sa.Uuid(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("timezone", sa.Text(), nullable=True),
        sa.Column("locale", sa.Text(), nullable=True),
        sa.Column("metadata", postgresql.JSONB(), nullable=True),
        sa.Column("customer_ref", sa.Text(), nullable=True),
        sa.Column("has_turn", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("subscription", name=op.f("pk_sign_up_contacts")),
    )
    op.create_index("ix_sign_up_contacts_tenant_external_id", "sign_up_contacts", ["tenant", "external_id"])
    op.create_index(
        "uq_sign_up_contacts_turn",
        "sign_up_contacts",
        ["tenant", "external_id"],
        unique=True,
        postgresql_where=sa.text("has_turn"),
    )
    op.create_index("ix_sign_up_contacts_created_at", "sign_up_contacts", ["created_at"])


def downgrade() -> None:
    op.drop_table("sign_up_contacts")

"""Who was erased, without naming anybody."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("customers", sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "erasures",
        sa.Column("customer", sa.Uuid(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("mark", sa.Text(), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("at_provider", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["customer"], ["customers.id"], name=op.f("fk_erasures_customer")),
        sa.PrimaryKeyConstraint("customer", name=op.f("pk_erasures")),
    )
    op.create_index("ix_erasures_tenant_mark", "erasures", ["tenant", "mark"], unique=False)
    op.create_index(
        "ix_erasures_unfinished",
        "erasures",
        ["erased_at"],
        unique=False,
        postgresql_where=sa.text("finished_at is null"),
    )
    op.execute("SELECT tenure_protect('erasures')")
    op.execute("ALTER TABLE erasures VALIDATE CONSTRAINT ck_erasures_tenant")


def downgrade() -> None:
    op.drop_table("erasures")
    op.drop_column("customers", "erased_at")

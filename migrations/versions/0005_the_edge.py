"""The edge to the provider: whose agreement is whose, what came of each message, what reconciliation has found."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _know_agreements()
    _tell_what_came_of_messages()
    op.create_table(
        "discrepancies",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subscription", sa.Uuid(), nullable=True),
        sa.Column("agreement_ref", sa.Text(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("why_not", sa.Text(), nullable=False, server_default=""),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.CheckConstraint("outcome in ('listed', 'healed', 'failed')", name=op.f("ck_discrepancies_outcome")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_discrepancies")),
        sa.UniqueConstraint(
            "run",
            "kind",
            "subscription",
            "agreement_ref",
            name=op.f("uq_discrepancies_run_kind_subscription_agreement_ref"),
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_index("ix_discrepancies_found_at", "discrepancies", ["found_at"])


def _know_agreements() -> None:
    op.create_index("ix_customers_customer_ref", "customers", ["customer_ref"])
    # Worked out by the database, so that it is right whichever release has written the row.
    found = sa.Computed("coalesce(state ->> 'agreement_ref', '')", persisted=True)
    op.add_column("subscriptions", sa.Column("agreement_ref", sa.Text(), found, nullable=False))
    op.add_column("subscriptions", sa.Column("seen_at_provider", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_subscriptions_agreement_ref",
        "subscriptions",
        ["agreement_ref"],
        postgresql_where=sa.text("agreement_ref <> ''"),
    )


def _tell_what_came_of_messages() -> None:
    op.add_column("webhook_inbox", sa.Column("agreement_ref", sa.Text(), nullable=False, server_default=""))
    op.add_column("webhook_inbox", sa.Column("disposition", sa.Text(), nullable=True))
    op.create_check_constraint(
        op.f("ck_webhook_inbox_disposition"),
        "webhook_inbox",
        "disposition in ('delivered', 'passed_over', 'set_aside')",
    )
    op.execute(
        "update webhook_inbox set disposition ="
        " case when outcome like 'delivered%' then 'delivered' else 'passed_over' end"
        " where handled_at is not null"
    )
    op.create_index(
        "ix_webhook_inbox_set_aside",
        "webhook_inbox",
        ["received_at"],
        postgresql_where=sa.text("disposition = 'set_aside'"),
    )


def downgrade() -> None:
    op.drop_table("discrepancies")
    op.drop_index("ix_webhook_inbox_set_aside", "webhook_inbox")
    op.drop_column("webhook_inbox", "disposition")
    op.drop_column("webhook_inbox", "agreement_ref")
    op.drop_index("ix_subscriptions_agreement_ref", "subscriptions")
    op.drop_column("subscriptions", "seen_at_provider")
    op.drop_column("subscriptions", "agreement_ref")
    op.drop_index("ix_customers_customer_ref", "customers")

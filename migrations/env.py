"""Runs migrations on the connection it is handed, each in a transaction of its own unless that is in one already."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transaction_per_migration=True)
context.run_migrations()

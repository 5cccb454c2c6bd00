"""Personal data in PostgreSQL: where it is, how it is exported, and how it is erased."""

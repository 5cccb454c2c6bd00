"""Usage in PostgreSQL: counted, rolled up, and reported."""

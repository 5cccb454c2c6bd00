"""Revenue in PostgreSQL: recorded with each step."""

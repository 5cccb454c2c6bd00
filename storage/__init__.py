"""PostgreSQL: what others read, and the unique keys behind every "once"."""

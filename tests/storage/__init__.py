"""What PostgreSQL stores, tested on a real one."""

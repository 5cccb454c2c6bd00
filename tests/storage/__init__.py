"""What PostgreSQL keeps, proven on a real one."""

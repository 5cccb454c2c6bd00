"""What is personal, and what stays of it after an erasure."""

"""What customers may do and have used: grants, limits, usage, and what to suggest beyond them."""

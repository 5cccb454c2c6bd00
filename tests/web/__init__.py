"""Pages and numbers, without a browser."""

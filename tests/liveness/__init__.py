"""Whether a server is alive."""

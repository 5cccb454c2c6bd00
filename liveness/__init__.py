"""Whether the servers that we depend on still answer."""

"""Real servers for tests, each started once a session."""

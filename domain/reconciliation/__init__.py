"""Where the provider, the database and the workflows differ."""

"""Published catalogs."""

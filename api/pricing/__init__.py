"""The pricing page: what the catalog sells, for people and as JSON."""

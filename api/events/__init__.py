"""Events for products: what they look like, and the feed."""

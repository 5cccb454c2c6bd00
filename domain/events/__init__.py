"""Events for products: their types, the endpoints that receive them, and their deliveries."""

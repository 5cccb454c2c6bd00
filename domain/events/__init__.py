"""What products are told: events, the endpoints that receive them, and their deliveries."""

"""The endpoint that takes the provider's webhooks."""

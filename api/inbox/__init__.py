"""The inbox of the payment provider's events, for operators."""

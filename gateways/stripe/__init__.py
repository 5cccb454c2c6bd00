"""The payment provider's ports, implemented on Stripe."""

"""A stand-in for Stripe that the real SDK talks to over HTTP."""

from sandbox.stripe.simulator import StripeSimulator

__all__ = ["StripeSimulator"]

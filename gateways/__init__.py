"""Adapters to Stripe and SMTP, behind our ports. They map data and errors, and decide nothing."""

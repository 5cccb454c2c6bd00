"""The outside systems behind our ports: Stripe and SMTP. They translate words and errors, and decide nothing."""

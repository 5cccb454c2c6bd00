"""Traces: what one request or one due action led to, from HTTP to Stripe and SQL. Off unless an address is set."""

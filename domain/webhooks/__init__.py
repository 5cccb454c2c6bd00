"""The payment webhooks in our own words: payments, agreements, events, and the port it stands behind."""

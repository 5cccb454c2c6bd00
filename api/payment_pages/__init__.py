"""Checkout, portal, pay links and invoices."""

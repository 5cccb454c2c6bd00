"""Webhook endpoints of products, and deliveries to them."""

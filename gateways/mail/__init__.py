"""Renders mails for one customer and sends them over SMTP."""

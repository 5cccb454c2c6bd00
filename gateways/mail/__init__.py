"""Mails: rendered for one customer, and sent over SMTP."""

"""Mails to customers that did not go out."""

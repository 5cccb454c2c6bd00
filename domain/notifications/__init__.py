"""Mails: their occasions, the addresses they go to, and the links they carry."""

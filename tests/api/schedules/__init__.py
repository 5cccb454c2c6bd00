"""Tests of what concerns every tenant."""

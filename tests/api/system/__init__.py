"""Tests of the parts of an installation."""

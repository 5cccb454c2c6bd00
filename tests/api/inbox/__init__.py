"""Tests of the inbox over HTTP."""

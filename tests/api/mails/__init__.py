"""Tests of mails that did not go out."""

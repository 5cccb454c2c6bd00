"""Subscription workflows in seconds: the production workers on a time-skipping server, with fakes behind every port."""

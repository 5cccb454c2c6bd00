"""The founder's numbers: pages of the figures that `/v1/metrics` reports."""

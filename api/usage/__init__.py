"""Usage over HTTP: reported in batches, set, reset, and looked back on."""

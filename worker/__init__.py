"""The composition root: the only package that binds gateways to ports."""

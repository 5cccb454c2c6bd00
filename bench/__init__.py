"""The figures, each printed by `python -m bench NAME`."""

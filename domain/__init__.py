"""The rules of a subscription's life. Standard library only: no clock, no I/O, no Temporal."""

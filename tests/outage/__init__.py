"""Servers that hang, processes that die and clients that are slow, with the production processes on real servers."""

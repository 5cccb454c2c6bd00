"""The composition root: binds adapters to the domain's ports, for the worker, the API, the commands and the sandbox.

No other package chooses a gateway. Callers read the settings and pass them as arguments.
"""

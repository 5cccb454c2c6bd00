"""The worker: how it is put together, its task queues, and what it registers with Temporal.

`composition` binds adapters to ports, also those that the API, the commands and the sandbox need; `build` makes the
workers.
"""

"""What of this release others have in hand: running workflows, the database, Stripe, mails and dashboards.

Each module reads one part of it from what is in force: registered definitions, types, tables, and the code itself. None
of it holds the name of a module, class or function: these may change, what is found here may not.
"""

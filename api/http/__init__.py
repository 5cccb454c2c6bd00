"""What every endpoint shares: authentication, idempotency, errors, fields and documentation."""

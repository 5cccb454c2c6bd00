"""What users of Tenure touch: the `tenure` command, and the client that products import."""

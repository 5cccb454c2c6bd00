"""What users of Tenure touch: the `tenure` command."""

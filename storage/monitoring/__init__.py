"""What operators' monitoring counts across all tenants: numbers, and no row."""

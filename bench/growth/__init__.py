"""What growth costs: many open workflows, and many rows, with the plan of every statement."""

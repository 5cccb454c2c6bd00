"""What is for sale: plans, prices and features, and how plans compare."""

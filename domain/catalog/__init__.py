"""What is for sale: plans, their prices, their features, and how two of them compare."""

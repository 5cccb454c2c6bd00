"""Events for products: writing them with what they tell, and reading them; their endpoints and deliveries."""

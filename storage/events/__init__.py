"""Events for products: writing them with what they tell, reading them, and the endpoints that they are sent to."""

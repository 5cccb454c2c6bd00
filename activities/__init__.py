"""External calls made for workflows: one class per concern, with its ports injected."""

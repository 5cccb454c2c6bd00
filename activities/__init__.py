"""What touches the outside on a workflow's behalf; one class per concern, its ports injected."""

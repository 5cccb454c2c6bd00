"""What a process tells Prometheus of itself: its registries, and the server that hands them out."""

"""What the API tells Prometheus: its own requests, and how the installation is."""

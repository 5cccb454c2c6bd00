"""What the API does between requests: dispatching webhooks and usage notices, publishing the catalog."""

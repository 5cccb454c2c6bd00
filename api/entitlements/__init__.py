"""What a customer may do, over HTTP."""

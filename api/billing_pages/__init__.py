"""Pages on which customers see and change their own subscription."""

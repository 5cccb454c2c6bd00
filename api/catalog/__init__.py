"""Plans and add-ons over HTTP."""

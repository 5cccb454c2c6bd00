"""The payment provider's events: the inbox that stores them, and the ports of their delivery."""

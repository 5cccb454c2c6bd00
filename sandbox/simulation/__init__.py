"""Lives that are played to see what a policy does: told by time travel, summed up, and put side by side."""

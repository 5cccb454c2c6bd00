"""The story of `make demo`: whole subscriptions by time travel, each step checked as it is printed."""

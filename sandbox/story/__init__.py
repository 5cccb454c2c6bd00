"""The story that `make demo` plays: whole lives by time travel, each step checked as it is told."""

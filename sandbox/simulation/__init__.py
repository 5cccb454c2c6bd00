"""Simulated subscriptions that show the effects of a policy: played by time travel, summarized, and compared."""

"""The subscription workflow: its main loop, its commands, and the steps that both take."""

"""A payment provider that keeps everything in memory, held to the same contract as the real one."""

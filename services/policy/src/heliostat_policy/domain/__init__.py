"""Pure functions of (policy, facts, now); no I/O."""

"""The tables and streams of the policy service; translates, never decides."""

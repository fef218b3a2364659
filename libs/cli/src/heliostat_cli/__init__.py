"""The `heliostat` command: launches, servers, builds and policy from a terminal or a script."""

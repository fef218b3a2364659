"""What the builder knows without asking anybody: grammar, configuration files, identity."""

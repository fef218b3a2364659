"""What the policy service does; owns the transactions."""

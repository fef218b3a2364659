"""What the sessions service does."""

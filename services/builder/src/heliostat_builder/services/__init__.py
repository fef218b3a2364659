"""What the builder decides and does."""

"""Versioned policies, admission, limits and idle verdicts with explanations."""

"""Launches, named servers, their activity, stopping and deletion."""

"""Repositories to immutable commits, environments and build logs."""

"""The HTTP face; parses, authorises, calls one service."""

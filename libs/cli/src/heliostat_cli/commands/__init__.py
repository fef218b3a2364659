"""The commands: read the arguments, call the API, print."""

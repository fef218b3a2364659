"""What a launch, a server and a name are; no I/O."""

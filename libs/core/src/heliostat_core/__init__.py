"""What Heliostat's services share: event store, contracts, auth, errors, metrics and supervision of background jobs."""

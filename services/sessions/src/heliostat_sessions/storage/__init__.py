"""The edges: Postgres, the hub, the host. Translates, never decides."""

"""Where the builder's facts come from: git, hosts' APIs, Postgres, the host's disk."""

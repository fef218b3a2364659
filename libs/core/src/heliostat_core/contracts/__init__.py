"""The wire: event kinds and the models of every HTTP surface. Depends on Pydantic and `heliostat_core.units` only."""

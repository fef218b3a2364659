"""Measurements of Heliostat on this machine: ``make bench``. `docs/benchmarks.md` says what each measures and why."""

"""`python -m heliostat_cli` is the `heliostat` command."""

from .main import run

if __name__ == "__main__":
    run()

"""``python -m heliostat_policy``."""

from .main import main

if __name__ == "__main__":
    main()

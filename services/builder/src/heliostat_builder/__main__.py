"""``python -m heliostat_builder``."""

from .main import main

if __name__ == "__main__":
    main()

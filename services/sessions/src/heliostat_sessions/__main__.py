"""``python -m heliostat_sessions``."""

from .main import main

if __name__ == "__main__":
    main()

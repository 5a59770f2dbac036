"""``python -m neurograd``."""

from neurograd.cli import main

if __name__ == "__main__":
    main()

"""``python -m neurograd``."""

from neurograd.cli import main

main()

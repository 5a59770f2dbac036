"""Training through chips and their clean twins."""

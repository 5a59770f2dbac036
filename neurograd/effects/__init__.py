"""What sets a chip apart from the ideal one, by the names and keys of a spec."""

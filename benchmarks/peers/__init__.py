"""What others take for the same work; every library in here is optional."""

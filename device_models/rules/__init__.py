"""What the chip computes as its gradient: one learning rule a file."""

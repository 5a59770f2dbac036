"""What the passes see of the stored weights: one effect a file."""

"""What is measured at the points of the clean training, and how much work that may be."""

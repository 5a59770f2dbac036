"""The VGG family, its students of a teacher, and what Figures 5 and 6 share."""

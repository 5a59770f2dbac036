"""What users bring: modules and problems of their own, through the same commands."""

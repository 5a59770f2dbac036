"""Many steps: its cases, what their numbers say, and how they are drawn."""

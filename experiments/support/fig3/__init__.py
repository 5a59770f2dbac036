"""Figure 3: its students, what their numbers say, and how they are drawn."""

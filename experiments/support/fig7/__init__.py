"""Figure 7: its grids, the random quadratics, what they say, and how they are drawn."""

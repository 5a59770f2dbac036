"""Figure 1: what is tried, what the maps say, and how they are drawn."""

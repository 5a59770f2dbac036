"""The noise of many updates, and the curvature that holds it back."""

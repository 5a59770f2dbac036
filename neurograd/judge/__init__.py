"""From numbers to a verdict: costs with intervals against what is allowed."""

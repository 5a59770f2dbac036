"""What forecasts cost, before they are made."""

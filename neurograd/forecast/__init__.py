"""What training through a chip will give, predicted without training through it."""

from neurograd.forecast.path import ForecastChip, forecast_chip

__all__ = ["ForecastChip", "forecast_chip"]

"""What training through a chip will give, predicted without training through it."""

from neurograd.forecast.judgement import (
    CLEAN,
    Forecast,
    forecast,
    forecast_network,
    judge_forecasts,
)
from neurograd.forecast.path import ForecastChip, forecast_chip

__all__ = [
    "CLEAN",
    "Forecast",
    "ForecastChip",
    "forecast",
    "forecast_chip",
    "forecast_network",
    "judge_forecasts",
]

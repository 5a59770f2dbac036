"""Forecasts beside trainings: what the forecast may be off, and what its verdicts are worth."""

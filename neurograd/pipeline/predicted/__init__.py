"""Forecasts of the networks of a spec, one by one."""

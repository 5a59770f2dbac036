"""The figures of reports, sweeps and devices."""

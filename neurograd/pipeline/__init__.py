"""From a spec to results: check, limits and sweep compose everything else."""

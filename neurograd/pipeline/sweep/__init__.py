"""Grids and random designs over any keys of a spec, resumable, on cores or on a cluster."""

"""Passes of networks whose layers are known, written out without a graph."""

"""Passes of small batches through a stack of layers."""

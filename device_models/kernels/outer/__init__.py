"""Writes of samples one after the other by the outer products that their gradients are."""

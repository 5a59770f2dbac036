"""Paths of chips whose rule perturbs weights or nodes over the whole training set."""

"""Lemma 2.1: its networks, what their numbers say, and how they are drawn."""

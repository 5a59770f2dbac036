"""Rows of cells: how a file is written, where its table is, and what is a number."""

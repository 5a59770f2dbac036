"""neurograd: learn before fabrication whether training on a neuromorphic chip will work."""

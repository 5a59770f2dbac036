"""The predicted path of a chip whose digital optimizer remembers gradients."""

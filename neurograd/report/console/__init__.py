"""Reports as tables on a console."""

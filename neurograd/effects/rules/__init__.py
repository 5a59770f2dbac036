"""One file a learning rule: its keys, how it is built, its name and its knobs."""

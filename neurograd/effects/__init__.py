"""One file an effect, a learning rule or keys that several of them share.

A module says which keys of a spec it brings, when it applies, what it adds to a chip, what a
sentence calls it, which key makes it smaller, and which of its numbers `limits` turns. The spec,
the chips, the mitigation, `limits` and the table of keys are assembled from the modules that
``registry`` finds in this folder, so adding a file is all that a new effect takes.
"""

"""Why a verdict is what it is, and which key of the spec would change it."""

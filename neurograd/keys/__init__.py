"""How one value of a spec is read: quantities with units, and the types of fields."""

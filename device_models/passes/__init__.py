"""What the arrays make of products: converters and wires."""

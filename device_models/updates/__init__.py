"""How gradients become pulses over many steps: one update algorithm a file."""

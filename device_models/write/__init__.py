"""What synapses make of a requested increment: one physical effect a file."""

"""Which models there are, and where their checkpoints lie. Loads no torch."""

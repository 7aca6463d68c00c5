"""Bare modules, one architecture a file; they know torch and nothing else."""

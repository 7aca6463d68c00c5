"""Menagerie: a Discord bot that keeps a menagerie of local Hugging Face models."""

__version__ = "0.1.0"

"""Trains the small models that the bot can show without the hub; see :mod:`bot.training.loop`.

A module for each model, with ``python -m bot.training.NAME``; each ends in one line of JSON.
"""

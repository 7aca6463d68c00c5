"""Trials: models tried out and measured by the ordinary way, and the page that tells of it.

A trial of a model of the hub needs no hub: its weights are chance, in the files that the hub has
(:mod:`bot.catalogue.synthetic`). Fetch, conversion, worker, load and jobs are the real ones.
"""

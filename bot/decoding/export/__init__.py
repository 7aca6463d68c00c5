"""Preparing a net for the paged runtime: converted, checked, measured, kept in a folder.

A prepared folder holds graphs (``float32.xml`` and ``int8.xml``, each with its ``.bin``) and
``prepared.json``, which says what they were made from and what was measured:

* :mod:`bot.decoding.export.build` makes one from a transformers net; it needs minutes,
* :mod:`bot.decoding.export.prepared` reads one and chooses among its variants; it loads no net,
* :mod:`bot.decoding.export.opening` opens one for serving, after a test of a second or less.
"""

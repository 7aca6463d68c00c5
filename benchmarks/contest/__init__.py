"""Contests between this bot's executor and its rivals: same machine, same weights, same requests.

Every contestant runs in a process of its own (:mod:`contest.child`), driven by the same code, so
that its memory is its own and no rival pays for another's threads.
"""

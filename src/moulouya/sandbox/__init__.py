"""A child process for work on bytes from outside: no network, no secrets, limits, a hard kill.

A small server process is started with an empty environment; it forks one child per call, which
locks itself down (`lockdown`) before it looks at anything. What comes back is JSON, never a
pickle: a child that was taken over can lie, but it can make its parent do nothing.
"""

from moulouya.sandbox.calling import Limits, call

__all__ = ["Limits", "call"]

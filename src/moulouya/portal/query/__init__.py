"""SQL over HTTP: any one statement that only reads, from anybody, in a process that can do no harm.

The portal never looks at the statement with an engine of its own. A server process per release
(`zygote`) forks a child for each statement; the child (`worker`) locks itself in twice, by DuckDB's
settings and a gate on what is asked (`gate`), and by the operating system (`moulouya.sandbox`).
What comes back are frames of bytes with bounds (`frames`), which the portal passes on.
"""

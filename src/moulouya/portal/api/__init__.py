"""``/api/v1``: datasets, their records and their history for programs, and what describes it."""

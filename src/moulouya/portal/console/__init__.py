"""The page on which readers write SQL: run by the service, or by DuckDB in their own browser."""

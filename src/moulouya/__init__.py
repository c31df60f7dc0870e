"""Moulouya: the open-data platform of a region, from real sources to a citable DuckDB catalogue."""

__version__ = "0.1.0"

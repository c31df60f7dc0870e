"""The lake on disk: what is written once, durably, and never edited."""

"""The rows of a dataset: a view chosen by query parameters, its page, and its files."""

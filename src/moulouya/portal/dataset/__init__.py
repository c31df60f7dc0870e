"""The pages about one dataset: what it is, how good and how fresh, where from, how to cite."""

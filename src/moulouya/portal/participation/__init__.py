"""The pages on which people take part: what they ask, what they report, what became of it."""

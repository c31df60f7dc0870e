"""Places and what is known of them: a page for each, comparisons and rankings."""

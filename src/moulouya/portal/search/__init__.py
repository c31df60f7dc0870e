"""Finding datasets: by words in three languages, by facets, and the pages that lead to them."""

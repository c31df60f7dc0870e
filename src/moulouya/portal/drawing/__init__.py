"""Charts, maps and small pictures of columns: SVG made on the server, with a table beside each."""

"""``/mcp``: the catalogue for programs that speak the Model Context Protocol."""

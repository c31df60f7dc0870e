"""Validation of staged and published tables with Great Expectations, run by DuckDB.

Great Expectations takes seconds to import: only the modules of this package import it, never the
package itself.
"""

import os

# GX reads it when it is imported: nothing is sent anywhere.
os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")

"""The public site: pages, downloads and health of the current release, read from the lake alone."""

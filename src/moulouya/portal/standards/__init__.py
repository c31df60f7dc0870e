"""The catalogue in the standards of metadata, each a pure function of the release."""

"""Where things are, for the tests of this folder."""

from pathlib import Path

REPOSITORY = Path(__file__).parents[2]

"""OGC API: the catalogue as records, what lies on a map as features, for geographers' programs."""

"""The part of CKAN's Action API that harvesters and its clients use, read-only.

What it answers was held against recordings of CKAN 2.12. Source: CKAN's API guide, version 3.
"""

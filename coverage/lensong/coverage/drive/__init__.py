"""A drive test held against all cells of a plan: reading, matching, errors, suspects."""

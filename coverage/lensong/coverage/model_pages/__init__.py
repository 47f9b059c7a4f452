"""Pages on how far models are from measurements and from each other."""

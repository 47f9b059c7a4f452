"""The console script ``lensong``: joins the pieces, decides nothing."""

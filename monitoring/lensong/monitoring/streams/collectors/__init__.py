"""One module for each kind of media server: how it is asked, and what its answer means."""

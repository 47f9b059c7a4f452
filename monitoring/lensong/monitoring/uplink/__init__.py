"""The uplink test as the server runs it: admitted, counted, checked. ndt7 and longer tests."""

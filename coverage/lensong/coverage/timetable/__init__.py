"""Who sells when: the largest set of sellers whose streams hold, hour by hour."""

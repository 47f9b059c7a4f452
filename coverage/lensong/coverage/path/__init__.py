"""One path looked at: what stands in its way, what it costs, what is left of the budget."""

"""The service towards the world: API, pages, who may ask, what a refusal looks like."""

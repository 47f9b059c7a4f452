"""Which masts to build, and how they are fed: the most people for the money, with a bound."""

"""How many livestreams hold at once in a village: blocks of its cells shared by its sellers."""

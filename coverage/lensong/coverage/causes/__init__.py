"""Why a village lacks its service, in decibels that add up, and what would mend it."""

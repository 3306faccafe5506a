"""Memory and time of a fit, reckoned before it starts."""

"""The contract between client and cloud: one place for routes, parameters, limits and rules."""

"""``moonsense webhooks``."""

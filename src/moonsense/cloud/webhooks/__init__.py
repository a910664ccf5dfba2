"""Webhooks, the cloud's side: what is told to whom, and sending it until it was taken."""

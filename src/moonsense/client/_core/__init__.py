"""What the client decides, without I/O: both the async and the sync client carry it out."""

"""Pictures of sessions: how readings, keys, events, the pointer's way and a track are drawn."""

"""The names of the files of a recording on disk, one folder a session."""

from __future__ import annotations

METADATA = "metadata.json"
"""The session, in camelCase JSON."""

BUNDLES = "raw_sealed_bundles.json"
"""Its sealed bundles, NDJSON."""

PACKETS = "packets.pcap"
"""The packets that were captured with it, where there are any."""

"""Calls about the network packets that were captured with a session."""

from __future__ import annotations

import os
from pathlib import Path

from moonsense.client._async.readings import AsyncReadings
from moonsense.client._concurrency import async_run
from moonsense.client._core.files import MemberFile
from moonsense.client._files import Target
from moonsense.contract import media
from moonsense.models.data_plane_v2_sdk_pb2 import NetworkPacketCaptureClientResponse


class AsyncPacketCalls(AsyncReadings):
    """Packet captures, in libpcap's classic format."""

    async def download_pcap_data(self, session_id: str, output_file: Target) -> None:
        """Write a session's packets to a file.

        The file appears whole or not at all; one that is there already stays as
        it is until then.

        Args:
            output_file: its name, or what has a ``write``, as for ``download_session``.

        Raises:
            NotFoundError: there is no such session, or it has no packets.
            IncompleteError: the answer broke off.
            IntegrityError: the archive is none with exactly one file.
            OSError: the file cannot be written.
        """
        request = self._builder.build(
            "download_packets",
            region=await self._region_of(session_id),
            accept=f"{media.TAR_GZ}, */*;q=0.1",
            ids={"session_id": session_id},
        )
        await self._save(MemberFile(request, f"packets of session {session_id}"), output_file)

    async def upload_pcap_data(
        self, session_id: str, source: str | os.PathLike[str] | bytes
    ) -> NetworkPacketCaptureClientResponse:
        """Add captured packets to a session.

        It is not sent again when it may have arrived: packets would be there twice.

        Args:
            source: the capture, or the file that has it.

        Raises:
            TooLargeError: it is larger than the cloud takes.
            UnprocessableError: it is no capture.
            OSError: the file cannot be read.
        """
        data = source if isinstance(source, bytes) else await async_run(Path(source).read_bytes)
        # As with bundles: a token that only records cannot ask for the region.
        request = self._builder.build(
            "upload_packets",
            region=self._regions.get(session_id) or None,
            content=data,
            content_type=media.PCAP,
            ids={"session_id": session_id},
        )
        return (await self._transport.send(request)).message(NetworkPacketCaptureClientResponse)

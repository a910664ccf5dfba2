"""Bytes to messages and back: JSON, NDJSON, protobuf and length-delimited protobuf.

``json`` and ``protobuf`` read and write one document; ``ndjson`` and
``frames`` read streams of them, fed in pieces of any size. Everything that is
wrong with data is a ``DecodeError`` or an ``IncompleteError`` with its place.
"""

"""Messages and their JSON as columns: one Arrow table a sensor, with a fixed schema.

``schema`` names the sensors and their columns, ``messages`` makes columns out
of messages, ``text`` out of NDJSON. Needs the extra ``frames``.
"""

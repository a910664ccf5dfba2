"""Sessions as datasets: Parquet, Arrow and CSV for tables, MCAP for Foxglove. Needs the extra ``export``."""

from __future__ import annotations

from moonsense.export._export import FORMATS, ROWS, ExportReport, export

__all__ = ["FORMATS", "ROWS", "ExportReport", "export"]

"""What is measured, beside the published clients: ``python -m benchmarks`` (or ``make bench``)."""

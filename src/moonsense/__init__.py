"""Read recorded behaviour and sensor sessions out of a Moonsense Cloud, or be such a cloud."""

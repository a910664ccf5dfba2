"""The catalog: tables, migrations and every SQL statement of the cloud."""

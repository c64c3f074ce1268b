"""What runs inside a cell: its suites level by level, the pytest plugin, incidents, another package's release."""

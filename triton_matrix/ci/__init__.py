"""What CI asks: the job list from the table, and what the nightlies found as one issue."""

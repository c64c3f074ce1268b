"""One file that shows a finding without this project: its parts, what they read, and how it is put together."""

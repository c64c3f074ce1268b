"""The verb ``capture``: what a package's own code launches, as files that the atlas compiles (docs/launches.md)."""

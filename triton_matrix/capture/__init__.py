"""The verb ``capture``: what a package's own code launches, as specs that the atlas compiles (docs/codegen.md)."""

"""From a row of the table to an environment: interpreter, pins, the package's wheel, this harness beside it.

lock          rows -> constraint files
pins          what a constraint file says; builds: what a user's own setting brings in place of a pinned file
provide       a cell's environment from its constraint file
stamped       environments beside the cells' own, for the atlas, bisections and subjects
wheelhouse    a cell as a folder, for a machine with no network; manifest: what such a folder says of itself
index         cells whose torch comes from an index of its own
wheel         the package that is tested; harness: this harness, as a wheel
"""

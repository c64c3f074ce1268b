"""Many Tritons, each in an environment of its own: the atlas, the history of a metric, bisections."""

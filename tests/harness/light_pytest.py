"""What a pytest that tests start does without: the plugins of this Python, of which the harness loads those it needs.

To import them all takes longer than most of these suites; hypothesis alone, at the end of each run, twice as long.
"""

PLUGINS = "PYTEST_DISABLE_PLUGIN_AUTOLOAD"
WITHOUT = {PLUGINS: "1"}
WITH = {PLUGINS: ""}  # for a test of what a plugin does that the harness did not ask for

"""Launch files for tests, from launches as ``values`` takes them."""

import json


def write(folder, **launches):
    """A launch file for each name."""
    for name, launch in launches.items():
        (folder / f"{name}.toml").write_text("".join(f"{key} = {inline(value)}\n" for key, value in launch.items()))


def inline(value):
    """A value as TOML writes it on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {inline(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(inline, value)) + "]"
    return json.dumps(value)

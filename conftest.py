from __future__ import annotations

pytest_plugins = ["pytester"]

# Recorded workspaces of the real tools; broken ones among them.
collect_ignore_glob = ["tests/data/*"]

"""Build backends: the pixi-build protocol, its client, the stub backend and recorded exchanges.

Nothing is imported here, because the stub backend's executable has to start in a few milliseconds.
Import what you need from the modules:

- `protocol`: the answers of a backend as types;
- `project_model`: what pixi tells a backend about a package;
- `dependencies`, `build_params`: what pixi asks a backend to build, run exports included;
- `client`: `ProcessBackend` and `InProcessBackend`;
- `stub`, `stub_main`: the stub backend and its executable;
- `transcript`: recorded messages;
- `overrides`: `PIXI_BUILD_BACKEND_OVERRIDE` as pixi reads it.
"""

from __future__ import annotations

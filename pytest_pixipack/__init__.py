"""pytest-pixipack: do pixi.lock, built packages, environment.tar and the installed prefix agree?"""

from __future__ import annotations

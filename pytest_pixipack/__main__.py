"""`python -m pytest_pixipack` is `pixipack`."""

from __future__ import annotations

import sys

from pytest_pixipack.cli import main

sys.exit(main())

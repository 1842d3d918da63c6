"""What several machines found out, put together: reports and records of sharded runs."""

from __future__ import annotations

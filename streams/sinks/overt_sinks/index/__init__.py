"""The index: which bytes of which object are whose, in SQL."""

from overt_sinks.index.chain_rows import HOT, Index, Link, run_row

__all__ = ["HOT", "Index", "Link", "run_row"]

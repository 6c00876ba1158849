"""The log: written and flushed before anything is released."""

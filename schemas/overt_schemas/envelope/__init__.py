"""The seals: `batch` (endpoint), `part` and `marks` (processor), over `header` and `padding`."""

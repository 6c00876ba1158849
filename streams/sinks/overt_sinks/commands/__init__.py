"""The commands of `overt-sink`, one module an area with `register(app)`; `every` has them all."""

"""The commands of `overt-sink`, one module an area; each has `register(app)` and nothing else."""

"""What is stored: checked, moved and erased by `overt-sink`, which runs as a process of its own."""

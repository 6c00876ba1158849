"""What stands where, against what must: verifying, gaps, inventory."""

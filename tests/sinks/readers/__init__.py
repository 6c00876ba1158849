"""Objects read by readers that are not ours, in four languages' libraries."""

"""Who may: devices, people, consent, policy, beacon, grants, key release and the log before it."""

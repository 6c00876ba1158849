"""`stream-ops demo`: one key press, the whole way, on this machine, with the account of it.

Other rooms run as processes: `overtd` captures, the stack carries and stores, `overt-sub` reads.
"""

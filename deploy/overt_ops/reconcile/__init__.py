"""Feeds come and go with their grants: topics, and who may read and write them.

``known`` (pure) learns grants and the keys that vouch for them, ``plan`` (pure) says what has to
change, ``registry`` reads, ``hands`` asks and changes the brokers, ``run`` goes round.

Of overt's services this one alone may alter brokers; the authority publishes, and does not alter.
"""

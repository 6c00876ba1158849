"""How the pipeline stands: lag, progress and stalls by partition, draining, rolling restarts.

``stages`` (pure) names the apps, groups and topics; ``standing`` (pure) turns samples into lag and
stalls; ``look`` asks the brokers; ``drain`` and ``restart`` act.
"""

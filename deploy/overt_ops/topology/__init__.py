"""Access and topics as code: what is declared, what is live, and the way from one to the other."""

from overt_ops.topology.changes import Change
from overt_ops.topology.model import Binding, Topic, Topology, parse
from overt_ops.topology.plan import Live, Plan, plan

__all__ = ["Binding", "Change", "Live", "Plan", "Topic", "Topology", "parse", "plan"]

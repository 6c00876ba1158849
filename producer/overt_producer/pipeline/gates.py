"""What was allowed when: the gate by event time. Pure.

An event is judged by the gate of its own time, not of its arrival: input comes in bunches, so what
was typed before a pause may arrive after it, and the other way round.
"""

from overt_producer.pipeline.values import LEASE_OVER, UNSEEN, Closed, Gate, GateSpan, Permit

# The hold-back is at most 3.5 s and an idle gap may be minutes, but an activity's next second is
# never further back than the hold-back; a minute of gates is ample.
KEEP_US = 60_000_000


def observed(gates: tuple[GateSpan, ...], gate: Gate, now_us: int) -> tuple[GateSpan, ...]:
    """Return the spans after one more look at what holds now."""
    if gates and gates[-1].gate == gate:
        return gates
    recent = [span for i, span in enumerate(gates) if _end(gates, i) >= now_us - KEEP_US]
    return (*recent, GateSpan(from_us=now_us, gate=gate))


def doubted(gates: tuple[GateSpan, ...], from_us: int | None) -> tuple[GateSpan, ...]:
    """Return the spans when nothing that happened since a time counts, for want of an indicator."""
    if from_us is None or not gates or isinstance(gates[-1].gate, Closed):
        return gates
    return (*gates, GateSpan(from_us=max(from_us, gates[-1].from_us), gate=UNSEEN))


def at(gates: tuple[GateSpan, ...], t_us: int) -> Gate | None:
    """Return what held at a time, None before the first span."""
    for span in reversed(gates):
        if span.from_us <= t_us:
            gate = span.gate
            if isinstance(gate, Permit) and t_us >= gate.until_us:
                return LEASE_OVER
            return gate
    return None


def closing(gates: tuple[GateSpan, ...], permit: Permit, since_us: int) -> tuple[int, str]:
    """Return when and why the terms of ``permit``, in force at ``since_us``, end.

    The answer may lie in the future: the end of the last lease, should nothing renew it.
    """
    until = since_us
    for i, span in enumerate(gates):
        gate = span.gate
        if _end(gates, i) <= since_us:
            continue
        start = max(span.from_us, since_us)
        if start > until:
            return until, LEASE_OVER.ended
        if isinstance(gate, Closed):
            return start, gate.ended
        if gate.terms != permit.terms:
            return start, "policy" if gate.policy != permit.policy else "consent"
        until = min(_end(gates, i), gate.until_us)
    return until, LEASE_OVER.ended


def _end(gates: tuple[GateSpan, ...], index: int) -> int:
    return gates[index + 1].from_us if index + 1 < len(gates) else 1 << 62

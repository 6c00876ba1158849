"""Which keys exist when: always one in force, the next one before it is needed, old ones kept."""

import tomllib
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from overt_authority.keys.epochs import DAY_MS, LEAD_MS, SPOOL_AGE_H, WAIT_MS, Due, due, published
from overt_authority.keys.people import weeks_due
from overt_authority.policy.rules import parse
from overt_schemas import topics
from overt_schemas.errors import Malformed
from overt_schemas.records import KeyCert
from overt_schemas.signing import AUTHORITY, PROCESSOR_SEAL, PROCESSOR_SIGN, ROOT, Keyring

TOPOLOGY = Path(__file__).parents[2] / "deploy" / "topology"
DAY = 20_000 * DAY_MS
TIMES = st.lists(st.integers(0, 40 * DAY_MS), min_size=1, max_size=12)


def certs_after(times: list[int]) -> list[KeyCert]:
    certs: list[KeyCert] = []
    for time in times:
        certs += [
            KeyCert(
                key_id=f"{key.role}-{key.not_before_ms}", role=key.role, public=b"",
                not_before_ms=key.not_before_ms, not_after_ms=key.not_after_ms,
            )
            for key in due(certs, DAY + time)
        ]  # fmt: skip
    return certs


@given(TIMES)
def test_after_a_rotation_every_role_has_a_key_in_force(times: list[int]) -> None:
    ring = Keyring(root=ROOT.encode(), certs={c.key_id: c for c in certs_after(sorted(times))})

    for role in (AUTHORITY, PROCESSOR_SEAL, PROCESSOR_SIGN):
        newest = ring.newest(role, DAY + max(times))
        assert newest.not_before_ms <= DAY + max(times) < newest.not_after_ms


@given(TIMES)
def test_rotating_again_at_the_same_time_makes_nothing(times: list[int]) -> None:
    certs = certs_after(sorted(times))

    assert due(certs, DAY + max(times)) == []


def test_the_next_days_keys_are_out_before_any_lease_of_today_ends() -> None:
    certs = certs_after([0])

    assert due(certs, DAY + DAY_MS - LEAD_MS - 1) == []
    coming = due(certs, DAY + DAY_MS - LEAD_MS)
    assert {(key.role, key.not_before_ms) for key in coming} == {
        (PROCESSOR_SEAL, DAY + DAY_MS), (PROCESSOR_SIGN, DAY + DAY_MS),
    }  # fmt: skip


def declared_ms(topic: str) -> int:
    """Return how long the topology keeps a topic, as the brokers are told."""
    topics_ = yaml.safe_load((TOPOLOGY / "topics.yaml").read_text())["topics"]
    keep = str(topics_[topic]["keep"])
    return int(keep[:-1]) * {"h": 3_600_000, "d": DAY_MS}[keep[-1]]


def spooled_ms() -> int:
    """Return the longest that any policy of ours lets an endpoint keep content."""
    policies = [tomllib.loads(p.read_text()) for p in (TOPOLOGY / "policies").glob("*.toml")]
    return max(int(policy["spool_age_h"]) for policy in policies) * 3_600_000


def seal_keys(now_ms: int = DAY) -> list[Due]:
    return [key for key in due([], now_ms) if key.role == PROCESSOR_SEAL]


def test_a_days_private_key_lives_for_the_retention_sum_of_the_topology_and_no_longer() -> None:
    (seal,) = seal_keys()
    raw = max(declared_ms(topic) for topic in topics.RAW.values())

    life = seal.private_until_ms - seal.not_before_ms

    assert life == DAY_MS + spooled_ms() + raw + declared_ms(topics.DEADLETTER)
    assert life == declared_ms(topics.BEACON), "beacons are kept for as long as batches may come"
    assert life <= 14 * DAY_MS, "what an erasure's receipt promises"


def test_no_policy_lets_content_wait_for_longer_than_its_key_lives() -> None:
    text = (TOPOLOGY / "policies" / "demo.toml").read_text()

    assert parse(text).spool_age_h == SPOOL_AGE_H
    with pytest.raises(Malformed, match="its key does not live longer"):
        parse(text.replace("spool_age_h = 72", "spool_age_h = 73"))


def test_a_key_set_names_a_seal_key_for_as_long_as_its_private_half_lives() -> None:
    certs = [cert for cert in certs_after([0]) if cert.role == PROCESSOR_SEAL]
    (seal,) = seal_keys()

    assert published(certs, seal.private_until_ms - 1) == tuple(certs)
    assert published(certs, seal.private_until_ms) == ()


def test_a_key_set_names_a_signing_key_for_as_long_as_something_it_signed_may_wait() -> None:
    certs = [cert for cert in certs_after([0]) if cert.role != PROCESSOR_SEAL]

    for cert in certs:
        assert published([cert], cert.not_after_ms + WAIT_MS - 1) == (cert,)
        assert published([cert], cert.not_after_ms + WAIT_MS) == ()


def test_this_week_and_the_next_have_keys() -> None:
    now = 1_795_568_400_000  # Wednesday, 25 November 2026

    assert weeks_due([], now) == ["2026-W48", "2026-W49"]
    assert weeks_due(["2026-W48"], now) == ["2026-W49"]
    assert weeks_due(["2026-W48", "2026-W49"], now) == []
    assert weeks_due([], now + 5 * 7 * DAY_MS) == ["2026-W53", "2027-W01"]

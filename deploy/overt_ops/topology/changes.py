"""What an apply may do, one value each; ``str()`` is the line an operator reads. Pure."""

from dataclasses import dataclass

from overt_ops.topology.model import Binding, Topic


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTopic:
    """Make a topic."""

    topic: Topic

    def __str__(self) -> str:
        return f"create topic {self.topic.name} ({self.topic.partitions} partitions)"


@dataclass(frozen=True, slots=True, kw_only=True)
class AddPartitions:
    """Give a topic more partitions."""

    topic: str
    partitions: int

    def __str__(self) -> str:
        return f"extend topic {self.topic} to {self.partitions} partitions"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetConfig:
    """Set one setting of a topic; None takes it back to the brokers' default."""

    topic: str
    key: str
    value: str | None

    def __str__(self) -> str:
        return f"set {self.key}={self.value or 'default'} on topic {self.topic}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateUser:
    """Give a user its password."""

    user: str

    def __str__(self) -> str:
        return f"create user {self.user}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteUser:
    """Take a user's password away."""

    user: str

    def __str__(self) -> str:
        return f"delete undeclared user {self.user}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Allow:
    """Add a right."""

    binding: Binding

    def __str__(self) -> str:
        return f"allow {self.binding}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdraw:
    """Remove a right nobody declared."""

    binding: Binding

    def __str__(self) -> str:
        return f"withdraw undeclared {self.binding}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitFirst:
    """Commit a group's first offset in a partition: the first record that is kept."""

    group: str
    topic: str
    partition: int

    def __str__(self) -> str:
        return f"commit the first offset of group {self.group} on {self.topic}/{self.partition}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateBucket:
    """Make a bucket."""

    bucket: str

    def __str__(self) -> str:
        return f"create bucket {self.bucket}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetStoreRights:
    """Write the store's identities anew."""

    identities: tuple[str, ...]

    def __str__(self) -> str:
        return f"set store rights of {', '.join(self.identities)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetKeyRole:
    """Write a key server policy and the login role that carries it."""

    role: str

    def __str__(self) -> str:
        return f"set key policy and role {self.role}"


Change = (
    CreateTopic
    | AddPartitions
    | SetConfig
    | CreateUser
    | DeleteUser
    | Allow
    | Withdraw
    | CommitFirst
    | CreateBucket
    | SetStoreRights
    | SetKeyRole
)

"""A shared bus has one user for each service, with the rights that its stage needs and no more.

The rules are lines of the ACL file of Redis 7 and later, and Valkey. A service reads all of the namespace and writes
only what bears its own instance's tag, the replicas' register, and `meta` where nothing stands yet: whoever takes over
the ingestor can invent prices, but no order.
"""

from collections.abc import Mapping
from hashlib import sha256

from shared.bus.names import ClusterNames, Names

READER = "reader"
ADMIN = "admin"

_CONNECT = ("ping", "info", "hello", "select", "client|id")
_CLUSTER = ("cluster|info", "cluster|slots", "client|unblock")
_READ = ("xread", "xrange", "xrevrange", "hget", "hgetall", "zrange")
_WRITE = (
    "eval", "evalsha", "time", "type", "xadd", "xtrim", "hmget", "hset", "hincrby", "hdel", "client|unblock",
)  # fmt: skip


def acl(namespace: str, passwords: Mapping[str, str], instances: Mapping[str, str], *, cluster: bool = False) -> str:
    """Returns the whole file.

    - passwords: of every user.
    - instances: what a user writes as; who has none only reads.
    - cluster: it is for the nodes of a Cluster, each of which needs it.

    `admin` may do everything, also make and remove a replay's namespace; who names no user, nothing:
    `default` is off. It has its rights all the same, since the server reads its log as this user when it starts.

    >>> print(acl("tickline", {"ingestor": "a", "reader": "b"}, {"ingestor": "ingestor"}))  # doctest: +ELLIPSIS
    user default off ~* &* +@all
    user ingestor on #ca978... %R~tickline:* %RW~tickline:*:{ingestor} %RW~tickline:*:{ingestor.*} ...
    user reader on #3e23e... %R~tickline:*
    <BLANKLINE>
    """
    lines = ["user default off ~* &* +@all"]
    for user, password in passwords.items():
        head = f"user {user} on #{sha256(password.encode()).hexdigest()} resetchannels -@all"
        lines.append(f"{head} {_rights(user, namespace, instances.get(user), cluster=cluster)}")
    return "\n".join(lines) + "\n"


def _rights(user: str, namespace: str, instance: str | None, *, cluster: bool) -> str:
    if user == ADMIN:
        return "+@all ~* &*"
    commands = _CONNECT + (_CLUSTER if cluster else ()) + _READ + (_WRITE if instance else ())
    keys = [f"%R~{namespace}:*"]
    if instance:
        tags = (f"{instance}.{{*}}",) if cluster else (f"{{{instance}}}", f"{{{instance}.*}}")
        keys += [f"%RW~{namespace}:*:{tag}" for tag in tags]
        names = ClusterNames(namespace) if cluster else Names(namespace)
        keys += [f"%RW~{names.replicas()}", f"(+hsetnx ~{names.meta()})"]
    return " ".join([*(f"+{name}" for name in commands), *keys])

"""Whom the hub runs as, and whether that user may open a thing: the doctor often runs as root, which may open all."""

import contextlib
import grp
import os
import pwd
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple


class User(NamedTuple):
    """Whom the hub runs as."""

    name: str
    uid: int
    groups: frozenset[int]

    def may(self, status: os.stat_result, want: int = stat.S_IROTH | stat.S_IWOTH) -> bool:
        """Tell whether it may do this with a file; `want` is given as the bits that others would need."""
        if self.uid == 0:
            return True
        shift = 6 if status.st_uid == self.uid else 3 if status.st_gid in self.groups else 0
        return (status.st_mode >> shift) & want == want


def us() -> User:
    """Give whoever runs this."""
    return User(_name(os.geteuid()), os.geteuid(), frozenset({os.getegid(), *os.getgroups()}))


def owner(folder: Path, more_groups: Iterable[str] = ()) -> User:
    """Give the user whose folder this is, as the hub's state directory is; ourselves where it cannot be told.

    `more_groups` are those that the service gives it besides its own.
    """
    try:
        uid = folder.stat().st_uid
        who = pwd.getpwuid(uid)
        groups = set(os.getgrouplist(who.pw_name, who.pw_gid))
    except (OSError, KeyError):
        return us()
    for group in more_groups:
        with contextlib.suppress(KeyError):
            groups.add(grp.getgrnam(group).gr_gid)
    return User(who.pw_name, uid, frozenset(groups))


def group_name(gid: int) -> str:
    """Name a group."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)

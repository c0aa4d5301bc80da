"""A directory tree as a value: read from the disk, written to it, compared.

A tree is a dict from path below its root to Node. Paths of one inode have nodes with the same `ino`;
the nodes of a tree that was read are never changed afterwards.
"""

import os
import stat

FILE, DIRECTORY, LINK, FIFO, OTHER = "file", "directory", "link", "FIFO", "other"


class Node:
    """What one name leads to."""

    __slots__ = ("kind", "mode", "uid", "gid", "mtime", "ino", "nlink", "data")

    def __init__(self, kind, mode, uid, gid, mtime, ino, nlink, data):
        self.kind = kind
        self.mode = mode
        self.uid = uid
        self.gid = gid
        self.mtime = mtime
        self.ino = ino
        self.nlink = nlink
        self.data = data

    def with_(self, **changed):
        """A copy with other values."""
        copy = Node(*(getattr(self, s) for s in self.__slots__))
        for name, value in changed.items():
            setattr(copy, name, value)
        return copy

    def facts(self):
        """All that must not change in a file that nobody touches; a directory's time changes with its entries."""
        mtime = None if self.kind == DIRECTORY else self.mtime
        return (self.kind, self.mode, self.uid, self.gid, mtime, self.data)

    def __repr__(self):
        if self.kind != FILE:
            return f"{self.kind} {self.mode:o} {self.uid}:{self.gid}"
        shown = self.data if len(self.data) <= 200 else self.data[:200] + b"..."
        return f"{self.mode:o} {self.uid}:{self.gid} {self.mtime} {shown!r}"


def kind_of(st):
    """The kind of a node from its mode."""
    if stat.S_ISREG(st.st_mode):
        return FILE
    if stat.S_ISDIR(st.st_mode):
        return DIRECTORY
    if stat.S_ISLNK(st.st_mode):
        return LINK
    return FIFO if stat.S_ISFIFO(st.st_mode) else OTHER


def read_node(path):
    """The node at a path of the disk."""
    st = os.lstat(path)
    kind = kind_of(st)
    data = b""
    if kind == FILE:
        with open(path, "rb") as f:
            data = f.read()
    elif kind == LINK:
        data = os.fsencode(os.readlink(path))
    ino = (st.st_dev, st.st_ino)
    return Node(kind, stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid, st.st_mtime_ns, ino, st.st_nlink, data)


def read_tree(root):
    """All below a directory of the disk."""
    tree = {}
    below = [""]
    while below:
        prefix = below.pop()
        with os.scandir(os.path.join(root, prefix)) as entries:
            names = [e.name for e in entries]
        for name in names:
            path = prefix + name
            node = read_node(os.path.join(root, path))
            tree[path] = node
            if node.kind == DIRECTORY:
                below.append(path + "/")
    return tree


def write_node(path, node, first=None):
    """Make what a node says; `first` is where another name of its inode is already."""
    if first:
        os.link(first, path, follow_symlinks=False)
        return
    if node.kind == DIRECTORY:
        os.mkdir(path)
    elif node.kind == LINK:
        os.symlink(node.data, path)
    elif node.kind == FIFO:
        os.mkfifo(path)
    else:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.write(fd, node.data) if node.data else None
        os.close(fd)
    set_facts(path, node)


def set_facts(path, node):
    """Owner, mode and time."""
    os.chown(path, node.uid, node.gid, follow_symlinks=False)
    if node.kind != LINK:
        os.chmod(path, node.mode)
    if node.kind != DIRECTORY:
        os.utime(path, ns=(node.mtime, node.mtime), follow_symlinks=False)


def write_tree(root, tree, made=()):
    """Write a tree below an existing directory. `made`: {ino: path on the disk} of files that are there already."""
    first = dict(made)
    for path in sorted(tree):
        node = tree[path]
        there = first.get(node.ino) if node.kind != DIRECTORY else None
        target = os.path.join(root, path)
        write_node(target, node, there)
        if node.kind != DIRECTORY:
            first.setdefault(node.ino, target)


def remove_tree(root):
    """rm -rf of what is below a directory, but not the directory itself."""
    with os.scandir(root) as entries:
        found = [(e.path, e.is_dir(follow_symlinks=False)) for e in entries]
    for path, is_dir in found:
        if is_dir:
            remove_tree(path)
            os.rmdir(path)
        else:
            os.unlink(path)


def below(tree, prefix):
    """The part of a tree below a directory, by the names that it has there."""
    n = len(prefix) + 1
    return {path[n:]: node for path, node in tree.items() if path.startswith(prefix + "/")}


def differences(got, wanted, limit=12, links=True):
    """How one tree differs from another, a line for each path; nothing when they are the same."""
    lines = []
    for path in sorted(set(got) | set(wanted)):
        if path not in got:
            lines.append(f"{path} is missing")
        elif path not in wanted:
            lines.append(f"{path} should not be there: {got[path]!r}")
        elif got[path].facts() != wanted[path].facts():
            lines.append(f"{path} is {got[path]!r}, not {wanted[path]!r}")
    if links:
        lines += link_differences(got, wanted)
    return lines[:limit]


def link_groups(tree):
    """The sets of paths that are names of one file, for files with several."""
    groups = {}
    for path, node in tree.items():
        if node.kind != DIRECTORY:
            groups.setdefault(node.ino, []).append(path)
    return {tuple(sorted(paths)) for paths in groups.values() if len(paths) > 1}


def link_differences(got, wanted):
    """Files that have other names in common than they should."""
    return [f"{' and '.join(g)} are one file in one tree only" for g in link_groups(got) ^ link_groups(wanted)]

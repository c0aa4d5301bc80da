"""What is on the disk after the power fails: a recorded run played on a model of a file system.

The model knows what each fsync made durable. Of the rest anything may be lost, as file systems with a journal lose it:
changes of one directory in the order in which they were made, those of different directories independently of each
other, data and metadata of a file independently of its names. A rename between directories is one change, and on the
disk with either of them.
"""

from dataclasses import dataclass, field

import strace
import tree as trees

UMASK = 0o022  # of all programs that are recorded


@dataclass
class Inode:
    """A file: what programs see, and what has reached the disk."""

    number: int
    node: trees.Node
    disk: trees.Node


@dataclass
class Change:
    """Of one directory, or of two: names taken away, then names given."""

    dirs: frozenset
    gone: list = field(default_factory=list)
    come: list = field(default_factory=list)  # (path, Inode)
    durable: bool = False

    def apply(self, names):
        """Make it in a dict from path to Inode."""
        for path in self.gone:
            names.pop(path, None)
        for path, inode in self.come:
            names[path] = inode


def parent(path):
    """The directory of a path; "" is the root."""
    return path.rpartition("/")[0]


class Disk:
    """Plays calls below one directory of the disk."""

    def __init__(self, root, tree, now):
        self.root = root
        self.now = now
        self.seen = {}  # path -> Inode, as programs see it
        self.start = {}
        self.pending = []  # Change in order, those on the disk too: they are told by .durable
        self.files = {}  # descriptor -> [Inode or None, offset, append]
        self.fresh = -1
        inodes = {}
        for path, node in tree.items():
            inode = inodes.setdefault(node.ino, Inode(node.ino, node, node))
            self.seen[path] = self.start[path] = inode

    # --- what may be there after a power failure

    def outcomes(self):
        """Trees, each with a word about what was lost."""
        open_dirs = sorted({d for c in self.pending if not c.durable for d in c.dirs})
        yield "all that was not synced", self.tree(self.names(lambda dirs: False))
        yield "data that was not synced", self.tree(self.names(lambda dirs: True))
        for d in open_dirs if len(open_dirs) > 1 else []:
            yield f"names in {d or '.'}", self.tree(self.names(lambda dirs, d=d: d not in dirs))
            yield f"names but those in {d or '.'}", self.tree(self.names(lambda dirs, d=d: dirs == {d}))

    def names(self, keep):
        """The names when, of what is not durable, only changes are there whose directories `keep` accepts."""
        names = dict(self.start)
        stuck = set()  # a directory whose change was lost has none of its later ones
        for c in self.pending:
            if c.durable or (keep(c.dirs) and not c.dirs & stuck):
                c.apply(names)
            else:
                stuck |= c.dirs
        return names

    def tree(self, names):
        """What a disk with these names holds. Below a directory that is not there, nothing is."""
        out = {}
        for path in sorted(names):
            up = parent(path)
            if not up or up in out:
                out[path] = names[path].disk.with_(ino=names[path].number)
        return out

    def live_tree(self):
        """What programs see."""
        return {path: inode.node.with_(ino=inode.number) for path, inode in self.seen.items()}

    # --- playing

    def path(self, text):
        """A path below the root, or None."""
        if text is None or not (text + "/").startswith(self.root + "/"):
            return None
        return text[len(self.root) :].strip("/")

    def at(self, dir_arg, name_arg):
        """The path of a directory descriptor and a name."""
        name = strace.string_of(name_arg).decode("utf-8", "surrogateescape")
        if not name.startswith("/"):
            base = strace.path_of_fd(dir_arg)
            name = base + ("/" + name if name not in (".", "") else "")
        return self.path(name)

    def play(self, call):
        """One call that succeeded."""
        handler = getattr(self, "do_" + call.name, None)
        if call.failed:
            return
        if handler:
            handler(call)
        elif call.changes:
            raise ValueError(f"the model does not know {call}")

    def change(self, gone=(), come=()):
        """Names change at once for programs, later on the disk."""
        dirs = frozenset(parent(p) for p in list(gone) + [p for p, _ in come])
        c = Change(dirs, list(gone), list(come))
        c.apply(self.seen)
        self.pending.append(c)

    def make(self, path, kind, mode):
        """A new inode with a name."""
        up = self.seen.get(parent(path))
        gid = up.node.gid if up and up.node.mode & 0o2000 else 0
        mode &= ~UMASK
        if kind == trees.DIRECTORY and up and up.node.mode & 0o2000:
            mode |= 0o2000
        node = trees.Node(kind, mode, 0, gid, self.now, self.fresh, 1, b"")
        inode = Inode(self.fresh, node, node)
        self.fresh -= 1
        self.change(come=[(path, inode)])
        return inode

    def opened(self, call, path, mode):
        """A descriptor of a file, made if it was not there."""
        inode = None
        if path is not None:
            inode = self.seen.get(path)
            if inode is None and "O_TMPFILE" in call.flags:
                raise ValueError("the model does not know O_TMPFILE")
            if inode is None and "O_CREAT" in call.flags:
                inode = self.make(path, trees.FILE, int(mode, 8))
            if inode and "O_TRUNC" in call.flags:
                inode.node = inode.node.with_(data=b"")
        self.files[call.result] = [inode, 0, "O_APPEND" in call.flags]

    def do_openat(self, call):
        self.opened(call, self.at(call.args[0], call.args[1]), call.args[-1])

    def do_openat2(self, call):
        path = self.at(call.args[0], call.args[1])
        self.opened(call, path, (call.args[2].partition("mode=")[2] or "0").rstrip("}").split(",")[0])

    def do_lseek(self, call):
        f = self.files.get(strace.fd_of(call.args[0]))
        if f:
            f[1] = call.result

    def do_dup(self, call):
        f = self.files.get(strace.fd_of(call.args[0]))
        if f:
            self.files[call.result] = f

    do_dup2 = do_dup3 = do_dup

    def do_fcntl(self, call):
        f = self.files.get(strace.fd_of(call.args[0]))
        if f and call.args[1].startswith("F_DUPFD"):
            self.files[call.result] = f
        elif f and call.args[1] == "F_SETFL":
            f[2] = "O_APPEND" in call.args[2]

    def write(self, call, data, offset=None):
        """Bytes into a file that is one of ours."""
        f = self.files.get(strace.fd_of(call.args[0]))
        if not f or not f[0] or self.path(strace.path_of_fd(call.args[0])) is None:
            return
        old = f[0].node.data
        at = len(old) if f[2] else f[1] if offset is None else offset
        data = data[: call.result]
        new = old[:at].ljust(at, b"\0") + data + old[at + len(data) :]
        f[0].node = f[0].node.with_(data=new, mtime=self.now)
        if offset is None:
            f[1] = at + len(data)

    def do_write(self, call):
        self.write(call, strace.string_of(call.args[1]))

    def do_pwrite64(self, call):
        self.write(call, strace.string_of(call.args[1]), int(call.args[3]))

    def do_ftruncate(self, call):
        f = self.files.get(strace.fd_of(call.args[0]))
        if f and f[0]:
            n = int(call.args[1])
            f[0].node = f[0].node.with_(data=f[0].node.data[:n].ljust(n, b"\0"), mtime=self.now)

    def do_copy_file_range(self, call):
        source = self.files.get(strace.fd_of(call.args[0]))
        if not source or not source[0] or call.args[1] != "NULL" or call.args[3] != "NULL":
            raise ValueError(f"the model does not know {call}")
        data = source[0].node.data[source[1] : source[1] + call.result]
        source[1] += call.result
        self.write(call_to(call, call.args[2]), data)

    def do_sendfile(self, call):
        source = self.files.get(strace.fd_of(call.args[1]))
        if not source or not source[0] or call.args[2] != "NULL":
            raise ValueError(f"the model does not know {call}")
        data = source[0].node.data[source[1] : source[1] + call.result]
        source[1] += call.result
        self.write(call, data)

    def meta(self, call, **changed):
        """Facts of the file behind a descriptor, or of one that is named."""
        if call.args[0].startswith('"'):
            inode = self.seen.get(self.at("AT_FDCWD</>", call.args[0]))
        else:
            inode = self.by_fd(call.args[0])
        if inode:
            inode.node = inode.node.with_(**changed)

    def by_fd(self, arg):
        """The inode that a descriptor leads to: a file that was opened, or a directory."""
        f = self.files.get(strace.fd_of(arg))
        return f[0] if f else self.seen.get(self.path(strace.path_of_fd(arg)))

    def do_fchmod(self, call):
        self.meta(call, mode=int(call.args[1], 8))

    def do_fchown(self, call):
        self.meta(call, uid=int(call.args[1]), gid=int(call.args[2]))

    def at_inode(self, call):
        """The inode of a *at call, whose second argument may be NULL or empty."""
        if call.args[1] in ("NULL", '""'):
            return self.by_fd(call.args[0])
        return self.seen.get(self.at(call.args[0], call.args[1]))

    def do_fchmodat(self, call):
        inode = self.at_inode(call)
        if inode:
            inode.node = inode.node.with_(mode=int(call.args[2], 8))

    do_fchmodat2 = do_fchmodat

    def do_fchownat(self, call):
        inode = self.at_inode(call)
        if inode:
            inode.node = inode.node.with_(uid=int(call.args[2]), gid=int(call.args[3]))

    def do_utimensat(self, call):
        inode = self.at_inode(call)
        times = call.args[2].partition("*/")[0] if call.args[2] == "NULL" else call.args[2]
        if inode and times != "NULL":
            parts = strace.split_args(times.strip()[1:-1])
            inode.node = inode.node.with_(mtime=self.time_of(parts[1], inode.node.mtime))
        elif inode:
            inode.node = inode.node.with_(mtime=self.now)

    def time_of(self, text, old):
        """Nanoseconds of one struct timespec."""
        if "UTIME_OMIT" in text:
            return old
        if "UTIME_NOW" in text:
            return self.now
        values = dict(p.strip().split("=") for p in text[text.index("{") + 1 : text.index("}")].split(","))
        return int(values["tv_sec"]) * 1000000000 + int(values["tv_nsec"])

    def do_mkdir(self, call):
        path = self.at("AT_FDCWD</>", call.args[0])
        if path is not None:
            self.make(path, trees.DIRECTORY, int(call.args[1], 8))

    def do_mkdirat(self, call):
        path = self.at(call.args[0], call.args[1])
        if path is not None:
            self.make(path, trees.DIRECTORY, int(call.args[2], 8))

    def remove(self, path):
        """A name goes."""
        if path is not None:
            self.change(gone=[path])

    def do_unlink(self, call):
        self.remove(self.at("AT_FDCWD</>", call.args[0]))

    do_rmdir = do_unlink

    def do_unlinkat(self, call):
        self.remove(self.at(call.args[0], call.args[1]))

    def do_linkat(self, call):
        if call.args[1] == '""':
            source = self.by_fd(call.args[0])
        else:
            source = self.seen[self.at(call.args[0], call.args[1])]
        self.change(come=[(self.at(call.args[2], call.args[3]), source)])

    def do_renameat(self, call):
        old, new = self.at(call.args[0], call.args[1]), self.at(call.args[2], call.args[3])
        moved = [(p, i) for p, i in self.seen.items() if p == old or p.startswith(old + "/")]
        if len(moved) > 1 or not moved:
            raise ValueError(f"the model does not know {call}")
        if self.seen.get(new) is not moved[0][1]:
            self.change(gone=[old], come=[(new, moved[0][1])])

    do_renameat2 = do_renameat

    def do_rename(self, call):
        call.args[:] = ["AT_FDCWD</>", call.args[0], "AT_FDCWD</>", call.args[1]]
        self.do_renameat(call)

    def do_fsync(self, call):
        where = self.path(strace.path_of_fd(call.args[0]))
        inode = self.by_fd(call.args[0])
        if inode and inode.node.kind == trees.FILE:
            inode.disk = inode.node
            return
        for c in self.pending:
            c.durable |= where in c.dirs

    def do_fdatasync(self, call):
        inode = self.by_fd(call.args[0])
        if inode:
            # enough of the metadata to find the data again
            inode.disk = inode.disk.with_(data=inode.node.data)

    def do_fallocate(self, call):
        pass


def call_to(call, fd_arg):
    """The same call with another descriptor first."""
    return strace.Call(call.pid, call.name, call.number, [fd_arg], call.result)

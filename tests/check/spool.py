"""A qmail queue as its own documentation describes it, read and spoilt without the program under test."""

import os
import stat
from pathlib import Path

SPLIT_ROLES = ("mess", "info", "local", "remote")
FLAT = ("todo", "intd", "bounce")
CHANNELS = ("local", "remote")
OSSIFIED = 129600
HIDDEN = ".mtaq-number."


def contents(path):
    """Of a file, leaving no trace of the reading."""
    with open(os.open(path, os.O_RDONLY | os.O_NOATIME | os.O_NOFOLLOW), "rb") as f:
        return f.read()


def differences(a, b):
    """What is not the same in two trees."""
    return [f"{k}: {a.get(k)} {b.get(k)}"[:400] for k in sorted(set(a) | set(b)) if a.get(k) != b.get(k)]


class Queue:
    """One queue, todo not split."""

    def __init__(self, path):
        self.path = Path(path)
        self.split = len([d for d in (self.path / "mess").iterdir() if d.name.isdigit()])
        self.rights = {r: self.usual(r) for r in SPLIT_ROLES + FLAT}

    def usual(self, role):
        """Owner and mode of such a file."""
        st = os.stat(self.path / ("info" if role in ("info", "local", "remote", "bounce") else "mess"))
        return st.st_uid, st.st_gid, 0o600 if role in ("info", "local", "remote", "bounce") else 0o644

    def file(self, role, n):
        """Where it belongs."""
        return self.path / role / str(n) if role in FLAT else self.path / role / str(n % self.split) / str(n)

    def has(self, role, n):
        """Is it there, as whatever."""
        return os.path.lexists(self.file(role, n))

    def numbers(self, role):
        """All that lie where they belong."""
        dirs = [self.path / role] if role in FLAT else [d for d in (self.path / role).iterdir() if d.name.isdigit()]
        found = {int(p.name) for d in dirs for p in d.iterdir() if p.name.isdigit() and p.name == str(int(p.name))}
        return {n for n in found if self.has(role, n)}

    # --- spoiling

    def unused(self, rng):
        """A number that no file has."""
        while True:
            n = rng.randrange(100000, 999999)
            if not any(self.has(r, n) for r in SPLIT_ROLES + FLAT):
                return n

    def whole(self, role="mess"):
        """Of messages that are none yet nothing is told."""
        return self.numbers(role) & (self.numbers("info") | self.numbers("todo"))

    def pick(self, rng, taken, role="mess"):
        """A message that is still whole."""
        n = rng.choice(sorted(self.whole(role) - taken))
        taken.add(n)
        return n

    def write(self, role, n, text):
        """A file as qmail would make it."""
        path = self.file(role, n)
        path.write_bytes(text)
        uid, gid, mode = self.rights[role]
        os.chmod(path, mode)
        if os.geteuid() == 0:
            os.chown(path, uid, gid)

    @staticmethod
    def overwrite(path, text):
        """In place: both names of todo."""
        st = os.stat(path)
        with open(path, "r+b") as f:
            f.truncate(0)
            f.write(text)
        os.utime(path, ns=(st.st_atime_ns, st.st_mtime_ns))

    def incoming(self, rng, atime):
        """mess alone, under its own number."""
        path = self.path / "pid/new"
        path.write_bytes(b"Received: (qmail 1 invoked by uid 0); 20 Nov 2026 08:36:19 -0000\n\nhalf %d" % rng.randrange(1 << 30))
        n = os.stat(path).st_ino
        os.rename(path, self.file("mess", n))
        uid, gid, mode = self.rights["mess"]
        os.chmod(self.file("mess", n), mode)
        if os.geteuid() == 0:
            os.chown(self.file("mess", n), uid, gid)
        os.utime(self.file("mess", n), (atime, atime))
        return n

    def rename_all(self, numbers):
        """Old to new, at once."""
        for role in SPLIT_ROLES + FLAT:
            moved = [(self.file(role, old), new) for old, new in numbers.items() if self.has(role, old)]
            for path, _ in moved:
                os.rename(path, f"{path}.moving")
            for path, new in moved:
                os.rename(f"{path}.moving", self.file(role, new))

    def put_aside(self, role, n):
        """Lost, but its inode is nobody else's."""
        aside = self.path.parent / "aside"
        aside.mkdir(exist_ok=True)
        os.rename(self.file(role, n), aside / f"{role}.{n}")

    def hide(self, n, before):
        """As a renaming that was cut off leaves it: `n` is what its mess is."""
        for role in SPLIT_ROLES + FLAT:
            if self.has(role, n):
                os.rename(self.file(role, n), self.file(role, n).parent / f"{HIDDEN}{before}.{n}")

    def forget_ended(self):
        """Messages that only wait for their end."""
        for n in self.numbers("info") - self.numbers("todo"):
            if not any(self.has(r, n) for r in CHANNELS):
                for role in ("bounce", "info", "mess"):
                    self.file(role, n).unlink(missing_ok=True)

    def renumber(self):
        """Every message gets the number that its file has, and mess was read just now."""
        wanted = {n: os.stat(self.file("mess", n)).st_ino for n in self.numbers("mess")}
        self.rename_all(wanted)

    def round_of(self, role):
        """All messages that have such a file exchange their numbers."""
        chosen = sorted(self.numbers(role) & self.numbers("mess"))
        return dict(zip(chosen, chosen[1:] + chosen[:1]))

    # --- reading

    def tree(self):
        """All of it."""
        found = {}
        for top, dirs, files in os.walk(self.path):
            for name in dirs + files:
                path = os.path.join(top, name)
                st = os.lstat(path)
                kind = stat.S_IFMT(st.st_mode)
                data = b""
                if stat.S_ISREG(kind):
                    data = contents(path)
                elif stat.S_ISLNK(kind):
                    data = os.readlink(path).encode()
                times = () if stat.S_ISDIR(kind) else (st.st_mtime_ns, st.st_nlink)
                found[os.path.relpath(path, self.path)] = (oct(st.st_mode), st.st_uid, st.st_gid, data, *times)
        return found

    def bytes_of(self, role, n):
        """None when there is no such file."""
        path = self.file(role, n)
        if not os.path.lexists(path) or not stat.S_ISREG(os.lstat(path).st_mode):
            return None
        st = os.stat(path)
        return contents(path), st.st_mtime_ns, stat.S_IMODE(st.st_mode), st.st_uid

    def messages(self):
        """What qmail-send sees: those with info or todo."""
        found = {}
        for n in self.numbers("info") | self.numbers("todo"):
            files = {r: self.bytes_of(r, n) for r in SPLIT_ROLES + FLAT}
            # beside todo they mean nothing, and qmail makes them anew
            if files["todo"]:
                files.update(info=None, local=None, remote=None)
            files["body"] = files["mess"][0] if files["mess"] else None
            found[n] = files
        return found

    def bodies(self, folder):
        """Of what lies in the trash."""
        return {contents(p) for p in folder.rglob("*") if p.is_file() and not p.is_symlink()} if folder.exists() else set()

    # --- what must hold

    def complaints(self, numbers=True, hidden=False):
        """Everything that qmail's own description does not know. `hidden`: names that wait for the end of a renaming are
        there, and what is no message may lie about."""
        found = []
        for n in sorted(set().union(*(self.numbers(r) for r in SPLIT_ROLES + FLAT))):
            has = {r for r in SPLIT_ROLES + FLAT if self.has(r, n)}
            found += [f"{n}: {c}" for c in self.state(has, hidden)]
            if has & {"info", "todo"} and "mess" in has:
                found += [f"{n}: {c}" for c in self.contents(n, has, numbers)]
        for top, _, files in os.walk(self.path):
            place = os.path.relpath(top, self.path).split("/")
            for name in files:
                if place[0] in SPLIT_ROLES and name.isdigit() and not hidden and int(name) % self.split != int(place[1]):
                    found.append(f"{top}/{name}: in the wrong directory")
                if name.startswith(HIDDEN) and not hidden:
                    found.append(f"{top}/{name}: left over")
        return found

    @staticmethod
    def state(has, hidden):
        """The table of states."""
        if has & {"info", "todo"}:
            return [] if "mess" in has or (hidden and not has & {"todo"}) else ["no mess"]
        if "mess" in has:
            return [] if hidden else [f"mess with only {sorted(has)}"] if has - {"mess", "intd"} else []
        return [] if hidden else [f"left over: {sorted(has)}"]

    def contents(self, n, has, numbers):
        """Are they what qmail can read."""
        st = os.lstat(self.file("mess", n))
        if not stat.S_ISREG(st.st_mode):
            return ["mess is no file"]
        found = ["its number is not its inode"] if numbers and st.st_ino != n else []
        for role in has - ({"info", "local", "remote"} if "todo" in has else set()):
            st = os.lstat(self.file(role, n))
            if not stat.S_ISREG(st.st_mode):
                found.append(f"{role} is no file")
                continue
            uid, _, mode = self.rights[role]
            if (st.st_uid, stat.S_IMODE(st.st_mode)) != (uid, mode):
                found.append(f"{role}: owner {st.st_uid}, mode {oct(st.st_mode)}")
            found += [f"{role}: {c}" for c in self.text(role, contents(self.file(role, n)), "todo" in has)]
        return found

    @staticmethod
    def text(role, text, new):
        """The records."""
        if role in ("mess", "bounce", "intd") or (new and role != "todo"):
            return []
        if text and text[-1] != 0:
            return ["no NUL at its end"]
        records = text.split(b"\0")[:-1]
        if role == "info":
            return [] if len(records) == 1 and records[0][:1] == b"F" else [f"sender {text!r}"]
        if role in CHANNELS:
            return [f"record {r!r}" for r in records if r[:1] not in (b"T", b"D")]
        kinds = b"".join(r[:1] for r in records)
        return [] if kinds.count(b"F") == 1 and not kinds.strip(b"upFT") else [f"records {kinds!r}"]

"""A program under strace: which calls that change something it makes, and runs in which one of them goes wrong."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field

OPENS = ("open", "openat", "openat2", "creat")
# What changes a file, a directory or what is on the disk.
CHANGES = (
    "write writev pwrite64 pwritev pwritev2 sendfile copy_file_range splice fallocate truncate ftruncate "
    "link linkat symlink symlinkat rename renameat renameat2 unlink unlinkat mkdir mkdirat rmdir mknod mknodat "
    "chmod fchmod fchmodat chown fchown fchownat lchown utime utimes utimensat futimesat setxattr fsetxattr "
    "fsync fdatasync sync syncfs"
).split()
# What a recording needs besides.
FOLLOWED = ("lseek", "dup", "dup2", "dup3", "fcntl")

HEX = re.compile(r"\\x([0-9a-f]{2})")
LINE = re.compile(r"^(\d+) +(.*)$")
CALL = re.compile(r"^(\w+)\((.*)\) += (-?\d+|\?)(.*)$", re.S)
RESUMED = re.compile(r"^<\.\.\. (\w+) resumed>(.*)$", re.S)


@dataclass
class Call:
    """One system call of a recording."""

    pid: int
    name: str
    number: int  # the how manieth of this name in this thread, from 1
    args: list
    result: int
    tail: str = ""
    main: bool = True
    flags: set = field(default_factory=set)

    @property
    def failed(self):
        """It did nothing."""
        return self.result < 0

    @property
    def is_open(self):
        """It opens a file."""
        return self.name in OPENS

    @property
    def changes(self):
        """It may have changed something: killed before it and after it are two states."""
        if self.is_open:
            return self.name == "creat" or bool(self.flags & {"O_CREAT", "O_TRUNC", "O_TMPFILE"})
        return self.name in CHANGES

    @property
    def can_fail(self):
        """Worth an injected error."""
        return self.changes or (self.is_open and bool(self.flags & {"O_WRONLY", "O_RDWR"}))

    def __str__(self):
        shown = ", ".join(shorten(a) for a in self.args)
        return f"{self.name}#{self.number}({shown})"


def shorten(arg):
    """An argument as a person would like to see it."""
    text = unhex(arg).decode("utf-8", "backslashreplace")
    return text if len(text) < 90 else text[:60] + "..." + text[-20:]


def unhex(text):
    """The bytes of what strace -xx printed."""
    return HEX.sub(lambda m: chr(int(m.group(1), 16)), text).encode("latin-1")


def string_of(arg):
    """A quoted argument."""
    if not arg.startswith('"') or not arg.endswith('"'):
        raise ValueError(f"not a whole string: {arg[:80]}")
    return unhex(arg[1:-1])


def path_of_fd(arg):
    """Where a descriptor leads, in bytes without the name being said: 5</a/b>."""
    at = arg.find("<")
    return unhex(arg[at + 1 : -1]).decode("utf-8", "surrogateescape") if at >= 0 else None


def fd_of(arg):
    """The number of a descriptor argument."""
    return int(re.match(r"-?\d+", arg).group(0))


def split_args(text):
    """Arguments at the commas that are in no bracket and no string."""
    args, depth, begin, quoted = [], 0, 0, False
    for i, c in enumerate(text):
        if c == '"':
            quoted = not quoted  # with -xx nothing is escaped but as \xNN
        elif quoted:
            continue
        elif c in "([{<":
            depth += 1
        elif c in ")]}>":
            depth -= 1
        elif c == "," and depth == 0:
            args.append(text[begin:i].strip())
            begin = i + 1
    last = text[begin:].strip()
    return args + [last] if last else args


def flags_of(name, args):
    """The O_ flags of a call that opens."""
    if name == "openat2":
        found = re.search(r"flags=([A-Z_|]+)", args[2])
        return set(found.group(1).split("|")) if found else set()
    at = {"open": 1, "openat": 2}.get(name)
    return set(args[at].split("|")) if at is not None and len(args) > at else set()


def parse(lines):
    """The calls of strace's lines, in the order in which they ended."""
    calls, counts, begun, main = [], {}, {}, None
    for line in lines:
        m = LINE.match(line)
        if not m:
            continue
        pid, text = int(m.group(1)), m.group(2)
        main = main or pid
        if text.endswith("<unfinished ...>"):
            begun[pid] = text[: -len("<unfinished ...>")]
            continue
        resumed = RESUMED.match(text)
        if resumed:
            text = begun.pop(pid) + resumed.group(2)
        m = CALL.match(text)
        if not m:
            continue
        name, args = m.group(1), split_args(m.group(2))
        counts[pid, name] = counts.get((pid, name), 0) + 1
        result = -1 if m.group(3) == "?" else int(m.group(3))
        calls.append(Call(pid, name, counts[pid, name], args, result, m.group(4), pid == main, flags_of(name, args)))
    return calls


@dataclass
class Outcome:
    """What a run gave."""

    status: int  # as subprocess has it: negative for a signal
    out: str
    err: str
    hit: bool = True  # an injected error was reached

    @property
    def killed(self):
        """It did not get to its end."""
        return self.status == -9

    def told(self):
        """All it said, for a complaint."""
        return f"status {self.status}, stdout {self.out!r}, stderr {self.err!r}"


def execute(argv, env, cwd):
    """Run to the end."""
    done = subprocess.run(argv, env=env, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return Outcome(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))


class Tracer:
    """Runs of the program under strace, with a scratch file for what strace writes."""

    def __init__(self, env, cwd, log, starts=False):
        """`starts`: it starts other programs, whose calls are not its own."""
        self.env = env
        self.cwd = cwd
        self.log = log
        self.base = ["strace", "-f", "-qqq", "-e", "signal=none", "-o", log] + (["-b", "execve"] if starts else [])
        # Faster, as the program stops only where it is asked to; but strace cannot send signals then, nor let go.
        self.fast = self.base + ([] if starts else ["--seccomp-bpf"])

    def record(self, argv):
        """The outcome, and all calls that matter."""
        names = ",".join(n for n in OPENS + FOLLOWED + tuple(CHANGES))
        options = ["-y", "-xx", "-s", "4000000", "-e", "trace=" + optional(names)]
        outcome = execute(self.fast + options + argv, self.env, self.cwd)
        with open(self.log, encoding="latin-1") as f:
            return outcome, parse(f)

    def kill_at(self, argv, call):
        """Killed instead of making this call."""
        inject = f"inject={call.name}:signal=KILL:when={call.number}"
        return execute(self.base + ["-e", "trace=" + call.name, "-e", inject] + argv, self.env, self.cwd)

    def fail_at(self, argv, call, error):
        """This call fails, and does nothing."""
        inject = f"inject={call.name}:error={error}:when={call.number}"
        outcome = execute(self.fast + ["-e", "trace=" + call.name, "-e", inject] + argv, self.env, self.cwd)
        with open(self.log, encoding="latin-1") as f:
            outcome.hit = any("(INJECTED)" in line for line in f)
        return outcome


def optional(names):
    """Names that an architecture lacks are passed over."""
    return ",".join("?" + n for n in names.split(","))


def usable(scratch):
    """Why strace cannot be used here; None when it can."""
    log = os.path.join(scratch, "probe")
    try:
        tracer = Tracer(os.environ, scratch, log)
        call = Call(0, "write", 1, [], 0)
        killed = tracer.kill_at(["echo", "x"], call)
        failed = tracer.fail_at(["echo", "x"], call, "EIO")
    except FileNotFoundError:
        return "no strace"
    if killed.killed and not killed.out and failed.hit:
        return None
    return "strace cannot trace here: " + (killed.err + failed.err).strip().replace("\n", "; ")[:200]


if __name__ == "__main__":
    reason = usable(sys.argv[1])
    print(reason or "")
    sys.exit(1 if reason else 0)

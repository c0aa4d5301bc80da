"""Makes the mutants of table.txt in copies of the tree, and runs the tests that must turn red; prints TAP."""

import functools
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field

LONGEST = 120  # seconds
PATIENCE = 4  # times as long for a test that took too long, before it is said to hang
SKIPPED = re.compile(r"^1\.\.0 *# *skip *(.*)", re.I | re.M)


@dataclass
class Mutant:
    """One thing done wrong."""

    name: str
    file: str = ""
    tests: list = field(default_factory=list)
    old: str = ""
    new: str = ""


def parse(path):
    """The table; its form is told at its top."""
    mutants = []
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            word, _, rest = line.rstrip("\n").partition(" ")
            if word == "mutant":
                mutants.append(Mutant(rest))
            elif word in ("file", "test") and mutants:
                m = mutants[-1]
                m.file, m.tests = (rest, m.tests) if word == "file" else (m.file, m.tests + [rest])
            elif line[:1] in ("-", "+", " ") and mutants:
                mutants[-1].old += line[1:] if line[0] in "- " else ""
                mutants[-1].new += line[1:] if line[0] in "+ " else ""
            elif line.strip() and line[0] != "#":
                sys.exit(f"{path}:{number}: not understood: {line}")
    for m in mutants:
        if not m.file or not m.tests or not m.old or m.old == m.new:
            sys.exit(f"{path}: '{m.name}' is not complete")
    return mutants


@functools.lru_cache(maxsize=None)
def can_crash():
    """Are there private mounts and processes, as tests/crash/crash.sh asks."""
    argv = ["unshare", "--uts", "--pid", "--fork", "--mount-proc", "--propagation", "private", "true"]
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0


class Tree:
    """A copy of the sources, built in place."""

    def __init__(self, path, scratch):
        self.path = path
        self.scratch = scratch
        os.makedirs(scratch)
        self.env = {
            **{k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")},
            "MTAQ": path + "/mtaq",
            "top_srcdir": path,
            "top_builddir": path,
            "CMOCKA_MESSAGE_OUTPUT": "TAP",
            "TMPDIR": scratch,
            "CRASH_JOBS": "1",
        }

    def run(self, argv, more=None, limit=600):
        """Status and output; it is ended when it takes too long, and there is no status then."""
        with subprocess.Popen(
            argv, cwd=self.path, env={**self.env, **(more or {})}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True,
        ) as p:
            try:
                out = p.communicate(timeout=limit)[0]
            except subprocess.TimeoutExpired:
                os.killpg(p.pid, signal.SIGKILL)
                return None, p.communicate()[0].decode("utf-8", "replace") + "\nit hangs\n"
        return p.returncode, out.decode("utf-8", "replace")

    def make(self, *targets):
        """None, or what went wrong."""
        status, out = self.run(["make", "-s", "WARN=-w", *targets])
        return None if status == 0 else out[-3000:]

    def test(self, words, limit=LONGEST):
        """("green" | "red" | "skipped" | "hangs" | "none", what it said)."""
        kind, _, rest = words.partition(" ")
        more = {}
        if kind == "crash" and not can_crash():
            return "skipped", "no private mounts and processes"
        if kind == "crash":
            place = os.path.join(self.scratch, "crash")
            shutil.rmtree(place, ignore_errors=True)
            os.mkdir(place)
            argv = [sys.executable, "-B", "tests/crash/run.py", place, self.env["MTAQ"], self.path,
                    self.path + "/tests/crash/shortwrite.so", *rest.split(" ")]
        else:
            program, _, chosen = kind.partition(":")
            argv = [self.path + "/" + program]
            more = {"MTAQ_TEST_FILTER": chosen} if chosen else {}
        status, out = self.run(argv, more, limit)
        skipped = SKIPPED.search(out)
        if skipped:
            return "skipped", skipped.group(1)
        if status or re.search(r"^not ok", out, re.M):
            return "red", out
        if status is None:
            return "hangs", out
        return ("green" if re.search(r"^ok", out, re.M) else "none"), out


def targets_of(tests):
    """What make has to build for some tests."""
    found = {"mtaq"}
    for words in tests:
        kind = words.split(" ")[0].partition(":")[0]
        if kind == "crash":
            found.add("tests/crash/shortwrite.so")
        elif not kind.endswith(".sh"):
            found.add(kind)
    return sorted(found)


def change(path, old, new):
    """None, or why it cannot be changed."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    if text.count(old) != 1:
        return f"the text is there {text.count(old)} times in {path}"
    with open(path, "w", encoding="utf-8") as f:
        f.write(text.replace(old, new))
    return None


class Run:
    """All mutants, a tree for each worker."""

    def __init__(self, scratch, srcdir, chosen):
        self.scratch = scratch
        self.srcdir = srcdir
        everything = parse(os.path.join(srcdir, "tests/mutants/table.txt"))
        self.mutants = [m for m in everything if not chosen or any(c in m.name for c in chosen)]
        self.tests = list(dict.fromkeys(t for m in self.mutants for t in m.tests))
        self.state = {}  # test -> green, skipped
        self.limit = {}  # test -> seconds; a mutant may make it wait for ever
        self.count = self.failed = self.killed = self.untried = self.hung = 0
        self.lock = threading.Lock()

    def line(self, good, text, why=""):
        """One line of TAP, from any thread."""
        with self.lock:
            self.count += 1
            self.failed += not good
            print(f"{'' if good else 'not '}ok {self.count} - {text}", flush=True)
            if not good:
                print("# " + why[-1500:].strip().replace("\n", "\n# "), flush=True)

    # --- set-up

    def make_trees(self):
        """The first is built, the others are copies."""
        first = Tree(os.path.join(self.scratch, "tree0"), os.path.join(self.scratch, "s0"))
        os.mkdir(first.path)
        copy = f"tar -C '{self.srcdir}' --exclude=./.git --exclude=./build -cf - . | tar -xf - && chmod -R u+w ."
        cpus = os.cpu_count() or 1
        for argv in (["sh", "-c", copy], ["sh", "-c", "rm -f config.status Makefile; ./configure -q CFLAGS='-O0 -pipe'"],
                     ["make", "-s", "WARN=-w", f"-j{cpus}", *targets_of(self.tests)]):
            status, out = first.run(argv)
            if status:
                self.line(False, "the tree as it is can be built", out)
                return []
        trees = [first]
        for i in range(1, min(cpus, 4, max(len(self.mutants), 1))):
            trees.append(Tree(os.path.join(self.scratch, f"tree{i}"), os.path.join(self.scratch, f"s{i}")))
            subprocess.run(["cp", "-a", first.path, trees[-1].path], check=True)
        return trees

    # --- work

    def share(self, trees, items, each):
        """Workers take items as they come free."""
        waiting = queue.SimpleQueue()
        for item in items:
            waiting.put(item)

        def work(tree):
            while True:
                try:
                    item = waiting.get_nowait()
                except queue.Empty:
                    return
                each(tree, item)

        threads = [threading.Thread(target=work, args=(t,)) for t in trees]
        for t in threads:
            t.start()
        for t in threads:
            t.join()

    def without(self, tree, test):
        """A test that is red anyway proves nothing."""
        begun = time.monotonic()
        state, out = tree.test(test)
        self.state[test] = state
        self.limit[test] = min(LONGEST, 10 + 10 * (time.monotonic() - begun))
        if state not in ("green", "skipped"):
            self.line(False, f"green without a mutant: {test}", "no such test" if state == "none" else out)

    def with_mutant(self, tree, m):
        """One mutant."""
        begun = time.monotonic()
        path = os.path.join(tree.path, m.file)
        if not os.path.isfile(path):
            self.line(False, m.name, f"there is no {m.file}")
            return
        shutil.copy2(path, path + ".kept")
        why = change(path, m.old, m.new)
        red = skipped = None
        if not why:
            why = tree.make(*targets_of(m.tests))
            red, skipped = (None, None) if why else self.find_red(tree, m)
            os.replace(path + ".kept", path)
            os.utime(path)
        else:
            os.remove(path + ".kept")
        took = f"({time.monotonic() - begun:.1f} s)"
        with self.lock:
            self.killed += bool(red)
            self.untried += bool(skipped)
        if red:
            self.line(True, f"{m.name}: red: {red} {took}")
        elif skipped:
            self.line(True, f"{m.name} # SKIP {skipped}")
        else:
            self.line(False, f"{m.name} {took}", why or f"no test turned red: {', '.join(m.tests)}")

    def find_red(self, tree, m):
        """The first of its tests that turns red; why none can tell. One that takes too long may do so because the machine is
        slow now: it has to do it again, with more time, when no other tells."""
        skipped, hang = None, []
        for test in m.tests:
            if self.state.get(test) == "skipped":
                skipped = f"{test} is skipped here"
                continue
            state = tree.test(test, self.limit[test])[0]
            if state == "red":
                return test, None
            if state == "hangs":
                hang.append(test)
            skipped = None
        for test in hang:
            state = tree.test(test, self.limit[test] * PATIENCE)[0]
            if state == "red":
                return test, None
            if state == "hangs":
                with self.lock:
                    self.hung += 1
                return f"{test} (it hangs)", None
        return None, skipped

    def all(self):
        """Everything; the exit status."""
        trees = self.make_trees()
        if trees:
            self.share(trees, self.tests, self.without)
            self.share(trees, self.mutants, self.with_mutant)
        untried = f", {self.untried} not tried" if self.untried else ""
        hung = f" ({self.hung} of them make a test hang)" if self.hung else ""
        print(f"# {len(self.mutants)} mutants, {self.killed} killed{hung}{untried}")
        print(f"1..{self.count}")
        return 1 if self.failed or self.killed + self.untried != len(self.mutants) else 0


if __name__ == "__main__":
    sys.exit(Run(sys.argv[1], sys.argv[2], sys.argv[3:]).all())

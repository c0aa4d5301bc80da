"""One action proven: killed at each call, failed at each call, and cut off from power after each call."""

import os
import re

import tree as trees
from power import Disk
from strace import fd_of, path_of_fd, string_of
from world import JOURNAL, TEMPORARY, Journal, run_order, text_of

ERRORS = ("ENOSPC", "EIO", "EACCES", "EINTR")
# Those that a call really can fail with; all of them with CRASH_ERRORS=all.
POSSIBLE = (
    (r"open|creat", ERRORS),
    (r"write|sync|truncate|copy|sendfile|fallocate", ("ENOSPC", "EIO", "EINTR")),
    (r"link|rename|mkdir|symlink|mknod", ("ENOSPC", "EIO", "EACCES")),
    (r"", ("EIO", "EACCES")),
)
TOLD = 4  # complaints that are told in full for each part


class Part:
    """What one part of a proof found."""

    def __init__(self, name, unit):
        self.name = name
        self.unit = unit
        self.count = 0
        self.complaints = []

    def add(self, where, complaints):
        """One point, and what was wrong there."""
        self.count += 1
        self.complaints += [f"{where}: {c}" for c in complaints]

    def result(self):
        """For the one who prints."""
        return {"name": self.name, "unit": self.unit, "count": self.count, "complaints": self.complaints}


def errors_of(call):
    """What is injected into a call."""
    if os.environ.get("CRASH_ERRORS") == "all":
        return ERRORS
    name = "remove" if "unlink" in call.name else call.name
    return next(errors for pattern, errors in POSSIBLE if re.search(pattern, name))


class Proof:
    """A row of the table in its world."""

    def __init__(self, row, world, tracer):
        self.row = row
        self.world = world
        self.tracer = tracer
        self.argv = []
        self.known = None  # the journal's files before the command
        self.told = set()  # messages that a recorded run has told to be done

    # --- the run that nothing disturbs

    def begin(self):
        """A fresh world, with what the row wants done first; its normal tree."""
        self.world.row = self.row
        self.world.fresh()
        self.world.prepare(self.row)
        tree = self.world.read()
        self.known = {p for p in tree if p.startswith(JOURNAL + "/")}
        self.argv = self.command()
        return tree

    def command(self):
        """The row's command line in the world as it is."""
        return self.world.argv(self.world.complete(self.row, self.known), self.row.trash)

    def reference(self):
        """Record it twice; complaints about the undisturbed run itself."""
        part = Part("uninterrupted", "calls")
        self.first = self.begin()
        self.first_facts = self.known, self.world.remember()
        self.before = self.world.normal(self.first)
        outcome, self.calls = self.tracer.record(self.argv)
        self.last = self.world.read()
        self.after = self.world.normal(self.last)
        part.add("run", self.reference_complaints(outcome))
        self.intents_at = max((i for i, c in enumerate(self.calls) if self.writes_intents(c)), default=-1)
        self.points = [c for c in self.calls if c.main and not c.failed and c.changes]
        self.fallible = [c for c in self.calls if c.main and not c.failed and c.can_fail]
        strays = [str(c) for c in self.calls if not c.main and c.changes and not c.failed]
        part.add("threads", [f"another thread changes something: {c}" for c in strays])
        self.begin()
        again = [c for c in self.tracer.record(self.argv)[1] if c.main and c.can_fail and not c.failed]
        if [(c.name, c.number) for c in again] != [(c.name, c.number) for c in self.fallible]:
            part.add("calls", ["not the same each time:", *map(str, self.fallible), "and then:", *map(str, again)])
        part.count = len(self.fallible)
        return part

    def writes_intents(self, call):
        """Does this call write what is going to be done into the journal?"""
        place = self.place(call) if call.name == "write" and not call.failed else None
        return bool(place) and place.startswith(JOURNAL + "/") and b'"changes"' in string_of(call.args[1])

    def reference_complaints(self, outcome):
        """What the run must have done, so that the rest proves anything."""
        complaints = [] if outcome.status == 0 else [outcome.told()]
        summary = re.search(r"matched: \d+ ([a-z ]+)", outcome.err)
        self.participle = summary.group(1) if summary else "done"
        complaints += self.world.check(self.after, self.before, self.after, self.row)
        claimed = self.world.claimed(outcome.out)
        for message in self.row.victims:
            if self.row.kind not in ("copy", "ask") and self.world.same(message, self.after, self.before):
                complaints.append(f"{message} is as it was")
            if message not in claimed:
                complaints.append(f"{message} is not told to be done: {outcome.told()}")
        left = [p for p in self.after if TEMPORARY.search(p)]
        return complaints + [f"{p} is left over" for p in left]

    # --- after a run that was disturbed

    def state_complaints(self, tree, told=()):
        """The queue, the journal, and that they agree; and with what was told on standard output."""
        normal = self.world.normal(tree)
        journal = Journal(tree, self.known)
        complaints = journal.complaints + self.world.check(normal, self.before, self.after, self.row)
        done = {self.world.message_of(i) for i in journal.done if i}
        complaints += [f"{m} is told to be done, and the journal does not say so" for m in sorted(set(told) - done)]
        intended = {self.world.message_of(text_of(i["id"])) for i in journal.intents}
        for message in self.row.victims:
            now, was = self.world.seen(normal, message), self.world.seen(self.before, message)
            touched = trees.differences(now, was)
            if touched and message not in intended:
                complaints.append(f"{message} was changed before the journal says so: {'; '.join(touched)}")
            lacks = self.world.lacks(message, normal, self.after)
            if message in done and lacks:
                complaints.append(f"{message} is done by the journal, but not in the queue: {'; '.join(lacks)}")
        return complaints

    def is_done(self, message, normal):
        """Has everything been done to it?"""
        return self.world.same(message, normal, self.after)

    def again_complaints(self, power=False, links=True):
        """The same command once more: it finishes, and nothing tells that it was cut off. After a power failure even what
        would have told of leavings may be lost."""
        outcome = self.world.run(self.argv)
        complaints = [] if outcome.status in self.row.again else [f"the same command again: {outcome.told()}"]
        normal = self.world.settled(self.world.normal(self.world.read()))
        for message in self.row.victims if power else ():
            for path in self.world.leavings(normal, message):
                del normal[path]
        wrong = trees.differences(normal, self.world.settled(self.after), links=links)
        return complaints + [f"the same command again: {d}" for d in wrong]

    # --- killed

    def kills(self):
        """Instead of each call that changes something, the end."""
        part = Part("killed", "points")
        for call in self.points:
            self.begin()
            outcome = self.tracer.kill_at(self.argv, call)
            if not outcome.killed:
                part.add(call, [f"not killed: {outcome.told()}"])
                continue
            tree = self.world.read()
            complaints = self.state_complaints(tree)
            complaints += self.claim_complaints(outcome, self.world.normal(tree))
            complaints += self.world.mta_complaints(tree) + self.again_complaints()
            part.add(call, complaints + (self.undo_complaints() if self.row.undo else []))
        return part

    def undo_complaints(self):
        """The run that was killed, and the one that finished it, taken back: everything is as it was before."""
        complaints = []
        tree = self.world.read()
        listed = self.world.run(self.world.argv(["journal"]))
        if listed.status:
            complaints.append(f"journal: {listed.told()}")
        # one that was killed before its first line did nothing
        runs = [r for r in Journal(tree, self.known).runs if tree[f"{JOURNAL}/{r}.jsonl"].data]
        for run in sorted(runs, key=run_order, reverse=True):
            outcome = self.world.run(self.world.argv(["undo", run], self.row.trash))
            if outcome.status:
                complaints.append(f"undo: {outcome.told()}")
        got, wanted = [self.world.as_undone(t) for t in (self.world.normal(self.world.read()), self.before)]
        # what goes to another file system is copied, and then no longer one file with what it was one with
        return complaints + [f"undone: {d}" for d in trees.differences(got, wanted, links=not self.row.elsewhere)]

    # --- failed

    def faults(self):
        """Each call fails, with each error."""
        part = Part("failed", "faults")
        for call in self.fallible:
            for error in errors_of(call):
                self.begin()
                outcome = self.tracer.fail_at(self.argv, call, error)
                part.add(f"{error} of {call}", self.fault_complaints(call, outcome))
        return part

    def shorts(self, preload):
        """Each write takes half of the bytes."""
        part = Part("short", "short writes")
        writes = [c for c in self.fallible if c.name in ("write", "pwrite64") and c.result > 1]
        for n, call in enumerate(writes, 1):
            self.begin()
            outcome = self.world.run(self.argv, {"LD_PRELOAD": preload, "SHORT_WRITE": str(n)})
            part.add(f"short {call}", self.fault_complaints(call, outcome))
        return part

    def fault_complaints(self, call, outcome):
        """It failed cleanly: what it says is true, each message is as it was or done."""
        complaints = []
        tree = self.world.read()
        normal = self.world.normal(tree)
        if not outcome.hit:
            complaints.append("the call was not reached")
        if outcome.status < 0:
            complaints.append(f"it crashed: {outcome.told()}")
        complaints += self.state_complaints(tree)
        complaints += self.claim_complaints(outcome, normal) + self.telling_complaints(call, outcome, normal)
        half = [m for m in self.row.victims if not self.is_done(m, normal) and not self.world.same(m, normal, self.before)]
        for message in half:
            complaints += self.half_complaints(message, call, outcome, normal)
        if self.calls.index(call) <= self.intents_at and not call.name.startswith("unlink"):
            complaints += [f"{p} is left over" for p in normal if TEMPORARY.search(p)]
        # where a link cannot be made there is a copy
        return complaints + self.again_complaints(links=not call.name.startswith("link"))

    def half_complaints(self, message, call, outcome, normal):
        """Before the intents are on disk nothing is half done. After, where an action has several steps, one may be: then
        it is told, and the same command again must finish."""
        lacks = "; ".join(self.world.lacks(message, normal, self.after))
        if self.calls.index(call) <= self.intents_at:
            return [f"{message} is half done before the journal knows: {lacks}"]
        named = any(self.world.message_of(w) == message for w in re.findall(r"^mtaq: (\S+): ", outcome.err, re.M))
        return [] if named and outcome.status else [f"{message} is half done, and nobody says so: {lacks}"]

    def claim_complaints(self, outcome, normal):
        """What is said to be done is."""
        return [f"{m} is said to be done and is not" for m in sorted(self.world.claimed(outcome.out))
                if not self.is_done(m, normal)]

    def telling_complaints(self, call, outcome, normal):
        """What went wrong is told, in few lines, and the exit status fits."""
        complaints = []
        claimed = self.world.claimed(outcome.out)
        lines = [line for line in outcome.err.split("\n") if line]
        mute = call.name == "write" and fd_of(call.args[0]) in (1, 2)
        everything = all(self.is_done(m, normal) for m in self.row.victims)
        if outcome.status == 0 and not everything:
            complaints.append(f"status 0, but not all was done: {outcome.told()}")
        if outcome.status == 0 and claimed != set(self.row.victims) and not mute:
            complaints.append(f"status 0, but not all is told: {outcome.told()}")
        if outcome.status != 0 and not lines and not mute:
            complaints.append(f"status {outcome.status} without a word")
        if len(lines) > len(self.row.victims) + 2:
            complaints.append(f"many words: {outcome.told()}")
        # of several rules the last one is about the victims
        summary = re.findall(r"\d+ messages? matched(.*)", outcome.err)
        if summary and not mute:
            done = re.search(r"\b(\d+) %s" % self.participle, summary[-1])
            if (int(done.group(1)) if done else 0) != len(claimed):
                complaints.append(f"the count is not what was told: {outcome.told()}")
        if not summary and outcome.status in (0, 1) and not mute:
            complaints.append(f"no summary: {outcome.told()}")
        return complaints

    # --- the order of syncs, and power failures

    def order(self):
        """Last write, sync of the file, intents on disk, published, sync of the directory, done."""
        part = Part("ordered", "publications")
        written, synced, unsynced_dirs, intents_written, intents_synced = {}, {}, {}, False, False
        for i, call in enumerate(self.calls):
            if call.failed:
                continue
            where = self.place(call)
            if call.name in ("write", "pwrite64") and where:
                data = string_of(call.args[1])
                if where.startswith(JOURNAL + "/"):
                    intents_written |= b'"changes"' in data
                    intents_synced &= b'"changes"' not in data
                    for mark in (b'"changes"', b'"result":"done"'):
                        late = [f"{d} is not synced since {c}" for d, c in unsynced_dirs.items() if mark in data]
                        part.complaints += [f"{mark.decode()} is written, and {x}" for x in late]
                else:
                    written[where] = i
            elif call.name in ("fsync", "fdatasync") and where is not None:
                synced[where] = i
                unsynced_dirs.pop(where, None)
                intents_synced |= intents_written and where.startswith(JOURNAL + "/") and call.name == "fdatasync"
            elif call.name.startswith(("rename", "link")):
                self.published(part, call, written, synced, intents_synced, unsynced_dirs)
        return part

    def place(self, call):
        """The path below the root of the file whose descriptor a call has first."""
        if not call.args or not re.match(r"\d+<", call.args[0]):
            return None
        return Disk(self.world.root, {}, 0).path(path_of_fd(call.args[0]))

    def published(self, part, call, written, synced, intents_synced, unsynced_dirs):
        """A name is given to a file."""
        disk = Disk(self.world.root, {}, 0)
        args = call.args if len(call.args) >= 4 else ["AT_FDCWD</>", call.args[0], "AT_FDCWD</>", call.args[1]]
        old, new = disk.at(args[0], args[1]), disk.at(args[2], args[3])
        if new is None or old is None:
            return
        part.count += 1
        if old in written and written[old] > synced.get(old, -1):
            part.complaints.append(f"{call}: {old} was written and not synced")
        if self.world.visible(new) and not intents_synced:
            part.complaints.append(f"{call}: the intents are not on disk")
        names = {new, old} if call.name.startswith("rename") else {new}
        for path in {n for n in names if not TEMPORARY.search(n)}:
            unsynced_dirs[path.rpartition("/")[0]] = str(call)

    def prefixes(self, again=True):
        """Power fails after each call: what is on disk then is in order, and the same command finishes (`again`)."""
        part = Part("without power", "prefixes")
        disk = Disk(self.world.root, self.first, self.world.started + 2_000_000_000)
        seen, self.told = set(), set()
        self.known, memory = self.first_facts
        self.world.recall(memory)
        self.prefix(part, disk, None, seen, again)
        for call in self.calls:
            disk.play(call)
            if call.main and not call.failed and call.changes:
                self.prefix(part, disk, call, seen, again)
        wrong = trees.differences(self.world.normal(disk.live_tree()), self.after)
        part.add("the model of the disk", [f"is not what was seen: {d}" for d in wrong])
        part.states = len(seen)
        return part

    def prefix(self, part, disk, call, seen, again):
        """All that a power failure may leave after one call."""
        part.count += 1
        if call and call.name == "write" and fd_of(call.args[0]) == 1:
            self.told |= self.world.claimed(string_of(call.args[1]).decode("utf-8", "replace"))
        for lost, tree in disk.outcomes():
            mark = hash((frozenset(self.told), tuple(sorted((p, n.facts(), n.ino) for p, n in tree.items()))))
            if mark in seen:
                continue
            seen.add(mark)
            complaints = self.state_complaints(tree, self.told)
            if again:
                self.world.adopt(tree)
                self.argv = self.command()
                complaints += self.again_complaints(power=True)
            part.complaints += [f"after {call}, lost {lost}: {c}" for c in complaints]

"""What the worlds of both MTAs have in common: places, runs, the journal, what may be left over.

A world lies below one root: a/ is one file system (queue, journal, trash, target), b/ another. Everything is told of
*normal* trees, in which what differs from run to run (run ids, process ids, the time of day, message numbers) is the
same.
"""

import functools
import json
import os
import re
import time

import tree as trees
from strace import execute

RUN_ID = re.compile(r"\d{8}T\d{6}Z-\d+(?:\.\d+)?")
TEMPORARY = re.compile(r"(^|/)\.mtaq(-[a-z]+)?\.[^/]*$")
JOURNAL = "a/journal"
NOW = "now"


class World:
    """One queue with its surroundings, made afresh for each run."""

    def __init__(self, root, program):
        self.root = root
        self.program = program
        self.started = time.time_ns() - 1_000_000_000
        self.runs = {}  # run ids, and their names in the normal tree that was made last
        self.row = None  # the row that is proven
        self.env = {"PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "UTC", "MTAQ_TEST": "1"}

    # --- what a subclass says: clock, queue_spec(), lay_out(), owner_of(path), check_message(...)

    # --- runs

    def run(self, argv, more=None):
        """The program, without strace."""
        return execute(argv, {**self.env, **(more or {})}, self.root)

    def prepare(self, row):
        """What the row wants to be so before its command."""
        for words in row.before:
            outcome = self.run(self.argv(words, row.trash))
            if outcome.status:
                raise RuntimeError(f"{row.name}: {' '.join(words)}: {outcome.told()}")

    def complete(self, row, journals):
        """The words of the row's command, with what only the prepared world knows: its journals, and (by subclasses) ids."""
        run = max((run_of(path) for path in journals if path.endswith(".jsonl")), key=run_order, default="")
        return [w.replace("@RUN@", run) for w in row.words]

    def claimed(self, text):
        """The messages that a run says, on its standard output, to be done, or asked for."""
        return {self.message_of(m.group(1)) for m in re.finditer(r"^([^:\n]+): \w+", text, re.M)}

    def message_of(self, name):
        """The message that an id of the program means."""
        return name

    def remember(self):
        """What belongs to the world that was made last."""
        return None

    def recall(self, memory):
        """Talk of an earlier world again."""

    def adopt(self, tree):
        """Make the disk hold a tree instead."""
        for half in ("a", "b"):
            trees.remove_tree(self.path(half))
            trees.write_tree(self.path(half), trees.below(tree, half))

    # --- places

    def path(self, place):
        """A place of the world on the disk."""
        return os.path.join(self.root, place)

    def argv(self, words, trash="a/trash"):
        """A whole command line."""
        fixed = [self.program, "--jobs", "1", "--clock", self.clock, "--journal", self.path(JOURNAL)]
        fixed += ["--trash", self.path(trash)]
        # a run that is taken back names its queues itself, qtool gets them as arguments
        fixed += ([] if words[0] in ("undo", "qtool") else ["-q", self.queue_spec()]) + words[:1]
        fixed += [] if words[0] == "journal" else ["--no-syslog"]
        return fixed + [w.replace("@ROOT@", self.root) for w in words[1:]]

    def fresh(self):
        """Throw away what is there and lay everything out again."""
        for half in ("a", "b"):
            trees.remove_tree(self.path(half))
        self.lay_out()
        if self.row and self.row.rules:
            with open(self.path("a/rules"), "w", encoding="utf-8") as f:
                f.write(self.row.rules)

    def read(self):
        """The whole world, as it is on the disk."""
        return trees.read_tree(self.root)

    # --- normal trees

    def normal_path(self, path):
        """A path without what differs from run to run."""
        path = RUN_ID.sub(lambda m: self.runs.get(m.group(0), "RUN"), path)
        return re.sub(r"(/\.mtaq(-[a-z]+)?\.[^/]*)\.\d+$", r"\1.PID", path)

    def normal_data(self, path, data):
        """The bytes of a file likewise."""
        if path.endswith(".json"):
            data = re.sub(RUN_ID.pattern.encode(), b"RUN", data)
            data = re.sub(rb'"(time|atime_ns)": ?\d+', rb'"\1":0', data)
        return data

    def normal_time(self, mtime):
        """A time; all of this run are one."""
        return NOW if isinstance(mtime, str) or mtime >= self.started else mtime

    def normal(self, tree):
        """A tree that can be compared with that of another run; the journal is left out. Folders of runs are RUN1, RUN2
        and so on."""
        found = {m.group(0) for p in tree for m in [RUN_ID.search(p)] if m and "/trash/" in p}
        order = sorted(found, key=run_order)
        self.runs = {run: f"RUN{i}" for i, run in enumerate(order, 1)}
        out = {}
        for path, node in tree.items():
            if (path + "/").startswith(JOURNAL + "/"):
                continue
            name = self.normal_path(path)
            out[name] = node.with_(mtime=self.normal_time(node.mtime), data=self.normal_data(name, node.data))
        return out

    def of_message(self, tree, message):
        """The part of a normal tree that belongs to one message, without temporaries."""
        return {p: n for p, n in tree.items() if self.owner_of(p) == message and not TEMPORARY.search(p)}

    # --- saved messages: what mtaq/saved.h promises

    def saved(self, tree, folder, message):
        """The files of a message that lies complete in a folder, by role; None when it does not."""
        return self.saved_by(tree, folder, self.note_name(message))

    def saved_by(self, tree, folder, name):
        """The same by the name of its note."""
        note = tree.get(f"{folder}/{name}")
        if not note or note.kind != trees.FILE:
            return None
        try:
            files = json.loads(note.data)["files"]
        except (ValueError, KeyError):
            return None
        found = {}
        for f in files:
            node = tree.get(f"{folder}/{self.normal_path(text_of(f['name']))}")
            if not node or node.kind != trees.FILE or len(node.data) != f["size"]:
                return None
            found[f["role"]] = (node, f)
        return found

    def folders(self, tree):
        """Where saved messages may lie, in a normal tree."""
        found = {p.rpartition("/")[0] for p in tree if p.endswith(".json")}
        return sorted(found)

    def saved_leavings(self, tree, message):
        """What a restore has not tidied up: as long as the message is in the queue it is refused a second time."""
        if self.row.kind != "back" or not self.seen(tree, message):
            return set()
        return {p for p in tree if re.search("/(trash|saved)/", p) and self.owner_of(p) == message}

    # --- checks

    def check(self, tree, before, after, row):
        """Everything that must hold in the normal tree of a run that was cut off or went wrong; complaints."""
        complaints = self.check_others(tree, before, row)
        for message in row.victims:
            found = self.check_message(message, tree, before, after, row)
            complaints += [f"{message}: {c}" for c in found]
        return complaints

    def check_others(self, tree, before, row):
        """Nothing but the chosen messages has changed."""
        complaints = []
        for path in sorted(set(tree) | set(before)):
            if self.owner_of(path) in row.victims:
                continue
            got, was = tree.get(path), before.get(path)
            if got and was:
                if got.facts() != was.facts():
                    complaints.append(f"{path} was changed: {got!r}, not {was!r}")
            elif got and not self.may_appear(path, got):
                complaints.append(f"{path} has appeared: {got!r}")
            elif was and not self.is_folder(path, was):
                complaints.append(f"{path} is gone")
        ours = [{p: n for p, n in t.items() if self.owner_of(p) not in row.victims} for t in (tree, before)]
        return complaints + trees.link_differences(*ours)

    def may_appear(self, path, node):
        """What belongs to no message and may come all the same."""
        return TEMPORARY.search(path) or self.is_folder(path, node)

    def is_folder(self, path, node):
        """Folders of the trash and of save come, and go when nothing is left in them."""
        return node.kind == trees.DIRECTORY and re.fullmatch(r"[ab]/(trash|saved)(/RUN[0-9]+)?", path) is not None

    def same(self, message, tree, other):
        """Is a message in one tree as in another?"""
        return not self.lacks(message, tree, other)

    def lacks(self, message, tree, other):
        """What of a message is in one tree not as it is in the other, but for leavings that do no harm."""
        mine, wanted = self.of_message(tree, message), self.of_message(other, message)
        for path in self.leavings(tree, message) - set(wanted):
            mine.pop(path, None)
        return trees.differences(mine, wanted)

    def settled(self, tree):
        """A normal tree with one copy of each saved message, in one folder: a run that was cut off may leave an
        incomplete one for ever, or a complete one that the next run makes again from what is left."""
        out = {p: n for p, n in tree.items() if not re.search(r"/trash(/|$)", p)}
        for message in self.messages:
            for folder in self.folders(tree):
                if "/trash/" in folder and self.saved(tree, folder, message):
                    mine = {p: n for p, n in trees.below(tree, folder).items() if self.owner_of(p) == message}
                    out.update({f"{folder.rpartition('/')[0]}/RUN/{p}": n for p, n in mine.items()})
                    break
        return out


    def as_undone(self, tree):
        """A normal tree without what an undo need not bring back: times that mean nothing, folders of the trash."""
        out = {p: n for p, n in self.settled(tree).items() if not re.search(r"/trash(/|$)", p)}
        return {p: n.with_(mtime=NOW) if self.time_is_idle(p) else n for p, n in out.items()}


def text_of(value):
    """A string that mtaq/jsonbytes.h wrote."""
    if isinstance(value, str):
        return value
    return bytes.fromhex(next(iter(value.values()))).decode("utf-8", "surrogateescape")


def run_of(path):
    """The id of the run whose journal this is."""
    return path.rpartition("/")[2].removesuffix(".jsonl")


def process_ids():
    """How many there are before they begin again."""
    with open("/proc/sys/kernel/pid_max", encoding="ascii") as f:
        return int(f.read())


def is_later(run, other):
    """Of two run ids, as a number that says so by its sign: time, process id, which of that process. In one second process
    ids do not go half of their way round: where they seem to, they have begun again."""
    (when, process, nth), (then, before, first) = ((r[:16], *map(int, (r[17:] + ".0").split(".")[:2])) for r in (run, other))
    if when != then:
        return 1 if when > then else -1
    if process == before:
        return nth - first
    return (process - before) * (1 if abs(process - before) <= process_ids() // 2 else -1)


run_order = functools.cmp_to_key(is_later)


class Journal:
    """The runs in the journal of a tree as it is on the disk."""

    def __init__(self, tree, but=()):
        self.complaints = []
        self.intents = []  # objects
        self.done = set()  # ids
        self.runs = []
        self.ended = True
        for path in sorted(p for p in tree if p.startswith(JOURNAL + "/") and p.endswith(".jsonl")):
            if path not in but and tree[path].kind == trees.FILE:
                self.read(path, tree[path].data)

    def read(self, path, data):
        """One file; only its last line may be cut off."""
        self.runs.append(run_of(path))
        lines = data.split(b"\n")
        by_number = {}
        self.ended = False
        for i, line in enumerate(lines[:-1]):  # after the last newline: nothing, or what was cut off
            try:
                value = json.loads(line)
            except ValueError:
                value = None
            if not isinstance(value, dict):
                self.complaints.append(f"{path}: line {i + 1} is no JSON object: {line[:200]!r}")
            elif "changes" in value:
                self.intents.append(value)
                by_number[value.get("n")] = text_of(value["id"])
            elif value.get("result") in ("done", "asked"):
                self.done.add(by_number.get(value.get("n")))
            elif value.get("end"):
                self.ended = True

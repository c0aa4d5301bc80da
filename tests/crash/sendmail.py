"""A small recorded sendmail queue, and what must hold in it at all times."""

import os
import re

import tree as trees
from strace import execute
from world import World

CONTROL = ("qf", "hf", "Qf")
QUEUE = "a/mqueue"
# Senders of the messages of the recording that are taken.
NEWS, OWNER, BOUNCE, EMPTY, SIBLING = (
    "60F90094016259",  # four recipients, some with answers
    "60DC00vJ017063",  # its data file is also that of SIBLING
    "60EA052A016407",
    "60FBe03A016389",  # no body
    "60DC00vI017063",
)
EDGAR = "60FA00pF016293"
# In other layouts: two of q2/{qf,df}; one envelope in qmain1/ and bulk/b1/, with one data file in slow/, where a third
# message has it too.
SPLIT_PAIR = ("60CL00St017259", "60D400QG017254")
GROUP_PAIR = ("60F900s0017387", "60F900s1017387")
LAYOUTS = {
    "flat": (NEWS, OWNER, BOUNCE, EMPTY, SIBLING, EDGAR),
    "split": SPLIT_PAIR + ("60DB005x017249", "60EH00tW017323"),
    "groups": GROUP_PAIR + ("60F900rx017387", "60F700bC017389", "60F800Vr017414"),
}
# Where messages are taken to, for all of them.
ELSEWHERE = ("a/other", "b/other")
# Says that it is sendmail, and does nothing.
STAND_IN = b"#!/bin/sh\ncase $1 in -d0.1) echo 'Version 8.17.1' ;; esac\n"


class Sendmail(World):
    """A queue of a few messages, and beside it another directory that messages can be moved to."""

    clock = "@1768478400"

    def __init__(self, root, program, recorded, lister, messages=LAYOUTS["flat"]):
        """`recorded`: where the recorded queue is unpacked; `lister`: words that run the real sendmail, or None. It lists
        one directory at a time."""
        super().__init__(root, program)
        self.messages = messages
        self.lister = lister
        self.listed = set()  # states that the real sendmail has read
        tree = trees.read_tree(recorded)
        self.template = {p: n for p, n in tree.items() if self.wanted(p)}
        for path, node in list(self.template.items()):
            if os.path.basename(path).startswith("df"):
                self.template[path] = node.with_(data=node.data + b"unique body of inode %d\n" % node.ino[1])

    def wanted(self, path):
        """Is this of the recording used?"""
        name = path.rpartition("/")[2]
        return not re.match("[a-zA-Z]f[0-9]", name) or name[2:] in self.messages

    def queue_spec(self):
        return f"sendmail:{self.path(QUEUE)},cf={self.path('a/mail/sendmail.cf')},sendmail={self.path('a/program')}"

    def lay_out(self):
        trees.write_tree(self.path("a"), self.template)
        with open(self.path("a/program"), "wb") as f:
            f.write(STAND_IN)
            os.fchmod(f.fileno(), 0o755)
        owner = self.template["mqueue"]
        for place in ("a/other", "b/other"):
            os.mkdir(self.path(place))
            trees.set_facts(self.path(place), owner)
        for half in ("a", "b"):
            os.mkdir(self.path(half + "/saved"))

    # --- names

    def owner_of(self, path):
        """The id that a path belongs to, None for other files."""
        name = path.rpartition("/")[2]
        for pattern in (r"[qhQdxtT]f(.+)", r"(.+)\.json", r"\.mtaq(?:-[a-z]+)?\.(.+?)(?:\.\d+|\.PID)?"):
            m = re.fullmatch(pattern, name)
            if m and m.group(1) in self.messages:
                return m.group(1)
        return None

    def note_name(self, message):
        return message + ".json"

    def is_queue(self, folder):
        """Does sendmail read this directory?"""
        return folder in ELSEWHERE or (folder + "/").startswith(QUEUE + "/")

    def controls(self, tree, message):
        """Where sendmail finds a message."""
        return [p for p in tree if self.is_queue(p.rpartition("/")[0]) and p.rpartition("/")[2][:2] in CONTROL
                and p.rpartition("/")[2][2:] == message]

    def data_of(self, control, node):
        """Where the data file of a control file is: beside it, in df/, or where its d line says."""
        folder, _, name = control.rpartition("/")
        says = re.search(rb"^d(.+)$", node.data, re.M) if folder not in ELSEWHERE else None
        if says:
            folder = f"{QUEUE}/{says.group(1).decode()}"
        return f"{re.sub('/qf$', '/df', folder)}/df{name[2:]}"

    def body(self, before, message):
        """The bytes that must never be lost: of its data file, wherever it lay."""
        for path, node in before.items():
            if path.rpartition("/")[2] == "df" + message:
                return node.data
        raise KeyError(message)

    # --- what must hold

    def check_message(self, message, tree, before, after, row):
        complaints = []
        controls = self.controls(tree, message)
        body = self.body(before, message)
        for path in controls:
            complaints += self.check_control(path, message, tree, before, after, row)
            data = tree.get(self.data_of(path, tree[path]))
            if data is None:
                complaints.append(f"{path} is visible without its data file")
            elif data.data != body:
                complaints.append(f"{path} has a data file with another body: {data!r}")
        return complaints + self.check_count(message, controls, body, tree, row)

    def check_control(self, path, message, tree, before, after, row):
        """A control file is complete, and as it was or as it is to be."""
        node = tree[path]
        known = [n for t in (before, after) for n in self.versions(t, message)]
        name = path.rpartition("/")[2]
        if name[:2] == "Qf":
            return [f"{path}: sendmail has given it up"]
        if not node.data.endswith(b"\n.\n"):
            return [f"{path} has no end: {node!r}"]
        if node.data not in [n.data for n in known]:
            return [f"{path} has bytes that it never had and should not get: {node!r}"]
        if (node.mode, node.uid, node.gid) not in [(n.mode, n.uid, n.gid) for n in known]:
            return [f"{path} has another mode or owner: {node!r}"]
        # a release that was cut off is released by the same command again
        if name[:2] == "hf" and not re.search(rb"^q", node.data, re.M) and row.words[0] not in ("release", "undo"):
            return [f"{path} is held without a reason: it can never be released"]
        return []

    def versions(self, tree, message):
        """Control files of a message, also saved ones."""
        return [n for p, n in tree.items() if re.search(r"/[qhQ]f[^/]*$", p) and self.owner_of(p) == message]

    def check_count(self, message, controls, body, tree, row):
        """The message is there exactly once."""
        complaints = []
        kept = []
        for folder in self.folders(tree):
            files = self.saved(tree, folder, message)
            if files:
                kept.append(folder)
                if "data" in files and files["data"][0].data != body:
                    complaints.append(f"saved in {folder} with another body")
            elif not controls and self.leaving(tree, folder, message, body):
                kept.append(folder)
        if not controls and not kept and self.carried(message, body, tree):
            return complaints
        there = len(controls) + (len(kept) if row.kind in ("trash", "back") else 0)
        if there == 0 and row.kind != "purge":
            complaints.append("lost: no control file, and not complete in the trash")
        elif there > 1:
            complaints.append(f"there {there} times: {', '.join(controls + kept)}")
        return complaints

    def leaving(self, tree, folder, message, body):
        """Is it complete in a folder that a restore was taking it from? The same again finishes it."""
        data = tree.get(f"{folder}/df{message}")
        return f"{folder}/.mtaq-out.{message}" in tree and data is not None and data.data == body

    def carried(self, message, body, tree):
        """Is it on the way to another file system, complete at both ends? The next run on the queue finishes it."""
        places = {kind: p.rpartition("/")[0] for p in tree for kind in ("to", "out", "in")
                  if p.rpartition("/")[2] == f".mtaq-{kind}.{message}.PID"}
        if set(places) != {"to", "out", "in"} or places["to"] != places["out"]:
            return False
        ends = [tree[f"{places[k]}/.mtaq-{k}.{message}.PID"].data for k in ("out", "in")]
        data = tree.get(f"{places['in']}/df{message}")
        ends = [re.sub(rb"(?m)^d.*\n", b"", e) for e in ends]  # it means nothing in another queue
        return ends[0] == ends[1] and data is not None and data.data == body

    def leavings(self, tree, message):
        """Data files without a control file beside them: nobody looks at them."""
        used = {self.data_of(p, tree[p]) for p in self.controls(tree, message)}
        found = {p for p in tree if p.rpartition("/")[2] == "df" + message}
        orphans = {p for p in found if self.is_queue(p.rpartition("/")[0]) and p not in used}
        return orphans | self.saved_leavings(tree, message)

    def time_is_idle(self, path):
        """sendmail looks at the times inside its control files."""
        return re.search(r"/[qhQ]f[^/]*$", path) is not None

    def seen(self, tree, message):
        """What sendmail sees of a message."""
        return {p: tree[p] for p in self.controls(tree, message)}

    def visible(self, path):
        """Does a name tell sendmail of a message?"""
        return self.is_queue(path.rpartition("/")[0]) and path.rpartition("/")[2][:2] in CONTROL

    # --- the real one

    def mta_complaints(self, tree):
        """The real sendmail reads the queues, lists what is there, and takes nothing for lost."""
        if not self.lister:
            return []
        complaints = []
        for queue in (QUEUE, "a/other", "b/other"):
            part = {p: n for p, n in trees.below(tree, queue).items() if "/" not in p}
            mark = hash(tuple(sorted((self.normal_path("/" + p), n.data) for p, n in part.items())))
            if part and mark not in self.listed:
                self.listed.add(mark)
                complaints += self.list_complaints(queue, part)
        return complaints

    def list_complaints(self, queue, part):
        """One queue directory, listed in the ways that show all there is."""
        complaints = []
        for prefix, option in (("qf", []), ("hf", ["-qQ"]), ("Qf", ["-qL"])):
            wanted = {p[2:] for p in part if p.startswith(prefix)}
            if not wanted:
                continue
            words = ["-OQueueLA=9999", f"-OQueueDirectory={self.path(queue)}", "-bp"] + option
            outcome = execute(self.lister + words, self.env, self.root)
            got = set(re.findall(r"^([A-Za-z0-9]{14})[ *?X-]", outcome.out, re.M))
            if got != wanted or outcome.status or outcome.err or re.search(r"\((no control|job|Permission)", outcome.out):
                complaints.append(f"sendmail -bp {option}: {sorted(got)}, not {sorted(wanted)}: {outcome.told()}")
        now = {p: n for p, n in trees.read_tree(self.path(queue)).items() if "/" not in p}
        return complaints + [f"sendmail -bp changed: {d}" for d in trees.differences(now, part)]

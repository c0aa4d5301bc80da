"""A small recorded qmail queue, and the table of states that it must never leave."""

import fcntl
import os
import re

import tree as trees
from world import NOW, TEMPORARY, World

QUEUE = "a/queue"
SPLIT = 7
SPLIT_DIRS = ("mess", "info", "local", "remote")
FLAT_DIRS = ("todo", "intd", "bounce")
CHANNELS = ("local", "remote")
# The recording was made within hours of its clock: everything is set back, far from the time of any test.
BACK = 30_000_000

# Names that the messages have here, as their numbers differ from world to world: case and number of the recording.
RECORDED = {
    "otto": ("basic", 1148249),  # a local and a remote recipient
    "letter": ("basic", 1147986),  # some recipients done, and a bounce file
    "null": ("basic", 1147990),
    "amy": ("bouncing", 1148154),
    "gina": ("basic", 1148217),
    "new": ("todo", 1148105),  # not preprocessed
}
CASES = sorted({case for case, _ in RECORDED.values()})
FILE = re.compile(r"^([ab]/(?:queue|other))/(mess|info|local|remote|todo|intd|bounce)/(?:(\d+)/)?(\d+)$")
FILE_HERE = re.compile(r"[ab]/(?:queue|other)/(\w+)/\w+$")
# A number in the name of a saved file, and in a string of JSON.
NUMBER = re.compile(r"(?<![^/.])\d{4,}(?=$|[@./])")
QUOTED = re.compile(rb'(?<=["/.])\d{4,}(?=[@"./])')
# Split directories: they are read in this order, whatever numbers the messages get.
SLOT = {name: i for i, name in enumerate(RECORDED)}


class Qmail(World):
    """Six messages; numbers are inodes, as qmail makes them."""

    clock = f"@{1795167000 - BACK}"
    messages = tuple(RECORDED)

    def __init__(self, root, program, recorded):
        """`recorded`: directories of the unpacked cases, by name."""
        super().__init__(root, program)
        cases = {name: trees.read_tree(path) for name, path in recorded.items()}
        self.skeleton = {p: shifted(n) for p, n in cases["basic"].items() if not is_message(p)}
        self.template = {name: self.take(cases[case], n, name) for name, (case, n) in RECORDED.items()}
        self.numbers = {}  # number -> name
        self.mutex = None
        self.others = False  # lay out queues to move to, whatever the row

    @staticmethod
    def take(case, number, name):
        """The files of one message."""
        found = {}
        for path, node in case.items():
            m = re.match(r"queue/(\w+)/(?:\d+/)?(\d+)$", path)
            if m and int(m.group(2)) == number:
                found[m.group(1)] = shifted(node)
        found["mess"] = found["mess"].with_(data=found["mess"].data + b"unique body of %s\n" % name.encode())
        return found

    def queue_spec(self):
        return f"qmail:{self.path(QUEUE)}"

    # --- making it

    def lay_out(self):
        self.release()
        self.numbers = {}
        trees.write_tree(self.path("a"), self.skeleton)
        for half in ("a", "b") if self.others or self.row.kind == "move" else ():
            trees.write_tree(self.path(half), {p.replace("queue", "other", 1): n for p, n in self.skeleton.items()
                                               if p.startswith("queue")})
        for name, files in self.template.items():
            self.add(name, files)
        for half in ("a", "b"):
            os.mkdir(self.path(half + "/saved"))

    def add(self, name, files):
        """One message under the number that its new file has."""
        new = self.path(f"{QUEUE}/pid/new")
        number = make_file(new, files["mess"], SLOT[name])
        self.numbers[number] = name
        os.rename(new, self.path(file_path(QUEUE, "mess", number)))
        for role, node in sorted(files.items()):  # intd before todo
            first = self.path(file_path(QUEUE, "intd", number)) if role == "todo" else None
            if role != "mess":
                trees.write_node(self.path(file_path(QUEUE, role, number)), node, first)

    def prepare(self, row):
        if row.live and row.live_before:
            self.hold()
        super().prepare(row)
        if row.live and not row.live_before:
            self.hold()

    def complete(self, row, journals):
        words = super().complete(row, journals)
        ids = {name: f"{n}@{self.template[name]['mess'].mtime}" for n, name in self.numbers.items()}
        return [re.sub(r"@(\w+)@", lambda m: ids.get(m.group(1), m.group(0)), w) for w in words]

    def hold(self):
        """Be what qmail-send is to others: the one who has the mutex."""
        self.mutex = os.open(self.path(f"{QUEUE}/lock/sendmutex"), os.O_RDWR)
        fcntl.flock(self.mutex, fcntl.LOCK_EX)

    def release(self):
        if self.mutex is not None:
            os.close(self.mutex)
            self.mutex = None

    def remember(self):
        return dict(self.numbers)

    def recall(self, memory):
        self.numbers.update(memory)

    def adopt(self, tree):
        """The same, with new numbers for files whose number is their inode."""
        live = self.mutex is not None
        self.release()
        for half in ("a", "b"):
            trees.remove_tree(self.path(half))
        made, changed = {}, {}
        for path, node in tree.items():
            number = self.own_number(path, node)
            if number and node.ino not in made:
                spare = self.path(f"{path[0]}/.spare{number}")
                made[node.ino] = spare
                changed[number] = make_file(spare, node, number % SPLIT)
        self.numbers.update({new: self.numbers[old] for old, new in changed.items() if old in self.numbers})
        renamed = {renumber(p, changed) if n.kind == trees.FILE else p: retold(p, n, changed) for p, n in tree.items()}
        for half in ("a", "b"):
            trees.write_tree(self.path(half), trees.below(renamed, half), made)
        for spare in made.values():
            os.unlink(spare)
        if live:
            self.hold()

    def own_number(self, path, node):
        """The number of which this file is, as an inode, the owner; 0 for others."""
        m = FILE.match(path)
        if node.kind != trees.FILE:
            return 0
        if m and m.group(2) == "mess":
            return int(m.group(4))
        inode = node.ino[1] if isinstance(node.ino, tuple) else 0
        return inode if inode in self.numbers and b"unique body" in node.data else 0

    # --- names

    def normal(self, tree):
        for path, node in tree.items():
            m = FILE.match(path)
            marker = re.search(rb"unique body of (\w+)\n", node.data) if m and m.group(2) == "mess" else None
            if marker:
                self.numbers[int(m.group(4))] = marker.group(1).decode()
        return super().normal(tree)

    def normal_path(self, path):
        path = super().normal_path(path)
        m = FILE.match(path)
        if m:
            name = self.numbers.get(int(m.group(4)))
            right = (m.group(3) is not None) == (m.group(2) in SPLIT_DIRS)
            right &= m.group(3) is None or int(m.group(3)) == int(m.group(4)) % SPLIT
            return f"{m.group(1)}/{m.group(2)}/{name}" if name and right else path
        return NUMBER.sub(lambda n: self.numbers.get(int(n.group(0)), n.group(0)), path)

    def normal_data(self, path, data):
        data = super().normal_data(path, data)
        if path.endswith(".json"):
            data = QUOTED.sub(lambda n: self.numbers.get(int(n.group(0)), n.group(0).decode()).encode(), data)
            data = re.sub(rb'/\d+/(?=[a-z]+")', b"/", data)
            data = re.sub(rb'"restoring": ?\d+', b'"restoring":0', data)
        return data

    def owner_of(self, path):
        m = re.search(r"(?:^|[/.])(%s)(?=$|[@.])" % "|".join(self.messages), path)
        return m.group(1) if m else None

    def message_of(self, name):
        m = re.match(r"(\d+)(@\d+)?$", name)
        return self.numbers.get(int(m.group(1)), name) if m else name

    def leavings(self, tree, message):
        """What qmail calls harmless: files of a message that is none any more."""
        found = set()
        for queue in (QUEUE, "a/other", "b/other"):
            files = self.files(tree, queue, message)
            if not {"info", "todo"} & set(files):
                found |= {f"{queue}/{role}/{message}" for role in files}
        return found | self.saved_leavings(tree, message)

    def time_is_idle(self, path):
        """Those of what tells the sender, and of the lists of recipients (see settled)."""
        return re.search(r"/(bounce|local|remote)/\w+$", path) is not None

    def as_undone(self, tree):
        """Beside qmail-send, who may append to it, a note is not cut off but overwritten with empty lines."""
        out = super().as_undone(tree)
        return {p: n.with_(data=n.data.rstrip(b"\n")) if "/bounce/" in p else n for p, n in out.items()}

    def settled(self, tree):
        """Also without what does no harm, and a planned attempt that was lost with the time of its file, which only makes
        the attempt an early one."""
        out = super().settled(tree)
        for message in self.messages:
            for path in self.leavings(out, message):
                out.pop(path)
            for queue in (QUEUE, "a/other", "b/other"):
                if f"{queue}/todo/{message}" in out:  # of no use from then on
                    out.pop(f"{queue}/intd/{message}", None)
        for path, node in out.items():
            m = FILE_HERE.match(path)
            if m and m.group(1) in CHANNELS:
                out[path] = node.with_(mtime=NOW)
        return {p: n for p, n in out.items() if not TEMPORARY.search(p)}

    def note_name(self, message):
        return message

    def is_queue(self, folder):
        return re.match(r"[ab]/(queue|other)(/|$)", folder) is not None

    def saved(self, tree, folder, message):
        for path in tree:
            up, _, name = path.rpartition("/")
            if up == folder and name.endswith(".json") and self.owner_of(path) == message:
                return self.saved_by(tree, folder, name)
        return None

    # --- what must hold

    def files(self, tree, queue, message):
        """The files of a message in a queue, by role."""
        found = {}
        for role in SPLIT_DIRS + FLAT_DIRS:
            node = tree.get(f"{queue}/{role}/{message}")
            if node:
                found[role] = node
        return found

    def seen(self, tree, message):
        """What qmail sees of a message: what info or todo leads to."""
        found = {}
        for queue in (QUEUE, "a/other", "b/other"):
            files = self.files(tree, queue, message)
            if "todo" in files:  # what lies beside it means nothing
                files = {role: files[role] for role in ("todo", "intd", "bounce") if role in files}
            if "info" in files or "todo" in files:
                found.update({f"{queue}/{role}/{message}": node for role, node in files.items() if role != "mess"})
        return found

    def visible(self, path):
        roles = ("todo", "bounce") if self.row.victims == ("new",) else ("info", "todo", "bounce")
        return FILE.match(path) is not None and path.split("/")[2] in roles

    def check_message(self, message, tree, before, after, row):
        complaints, alive = [], []
        was = self.files(before, QUEUE, message) or self.files(after, QUEUE, message)
        if "mess" not in was:
            return ["there neither before nor after"]
        will = [self.files(after, q, message) for q in (QUEUE, "a/other", "b/other")]
        for queue in (QUEUE, "a/other", "b/other"):
            files = self.files(tree, queue, message)
            complaints += [f"{queue}: {c}" for c in self.table(files, row)]
            complaints += [f"{queue}: {c}" for c in self.contents(files, was, will) + self.losses(files, was, will, row)]
            if "info" in files:
                complaints += [f"{queue}: {c}" for c in self.promises(files, was, row)]
            if is_alive(files, was, row):
                alive.append(queue)
        return complaints + self.check_count(message, alive, was, tree, row)

    @staticmethod
    def table(files, row):
        """The states that qmail knows, and what it calls harmless besides. A note may be there before info while a message
        is restored or moved: as long as mess is there nobody else gets the number."""
        has = set(files)
        complaints = []
        if "mess" not in has:
            complaints += [f"{r} without mess" for r in ("info", "todo") if r in has]
        if "bounce" in has and not has & {"info", "todo"} and not (row.kind in ("back", "move") and "mess" in has):
            complaints.append("a bounce file that the next message with this number will send")
        # it goes before todo when qmail takes a message up, too; and nobody reads it once todo is there
        if "todo" in has and "intd" not in has and row.done not in ("drop", "bounce", "expire"):
            complaints.append("todo without intd")
        if "info" in has and "intd" in has and "todo" not in has:
            complaints.append("intd beside info")
        if {"todo", "intd"} <= has and files["todo"].ino != files["intd"].ino and row.done != "drop":
            complaints.append("todo is not intd")
        return complaints

    @staticmethod
    def contents(files, was, will):
        """Each file is as it was or as it is to be; of recipients only marks differ."""
        complaints = []
        for role, node in files.items():
            known = [v[role] for v in [was] + will if role in v]
            facts = [(n.mode, n.uid, n.gid) for n in known]
            if (node.mode, node.uid, node.gid) not in facts:
                complaints.append(f"{role} has another mode or owner: {node!r}, not {known!r}")
            if role in CHANNELS and not marks_fit(node.data, [n.data for n in known]):
                complaints.append(f"{role} has other recipients or marks: {node!r}")
            if role not in CHANNELS and node.data not in [n.data for n in known]:
                complaints.append(f"{role} has other bytes: {node!r}")
            if role in ("mess", "info", "todo") and node.mtime not in [n.mtime for n in known]:
                complaints.append(f"{role} has another time: {node!r}")
        return complaints

    @staticmethod
    def losses(files, was, will, row):
        """Files that a message cannot be without while qmail knows it."""
        if "info" not in files:
            return []
        wanted = [r for r in CHANNELS if r in was and all(r in w for w in will if "info" in w)]
        if "bounce" in was and row.kind not in ("trash", "purge", "move") and all("bounce" in w for w in will if "info" in w):
            wanted.append("bounce")
        return [f"{r} is gone, with what it said" for r in wanted if r not in files]

    @staticmethod
    def promises(files, was, row):
        """What a recipient that is marked done means."""
        complaints = []
        marked = pending(was) - pending(files)
        if marked and row.words[0] == "bounce" and files.get("bounce") is None:
            complaints.append(f"{sorted(marked)} are done, and no note says why")
        if row.kind == "edit" and "todo" not in files and not pending(files) and "bounce" not in files:
            complaints.append("nobody is pending and there is no note: it would end without a word")
        if not pending(files) and pending(was) and row.kind in ("trash", "purge") and "bounce" in files:
            complaints.append("the bounce file is sent when the message ends")
        return complaints

    def check_count(self, message, alive, was, tree, row):
        """The message is there, in one queue, or complete in the trash."""
        complaints = []
        kept = []
        for folder in self.folders(tree):
            files = self.saved(tree, folder, message)
            if files:
                kept.append(folder)
                if files["mess"][0].data != was["mess"].data:
                    complaints.append(f"saved in {folder} with another body")
        if len(alive) > 1:
            complaints.append(f"there in {' and in '.join(alive)}")
        if not alive and not (kept and row.kind in ("trash", "back")) and row.kind != "purge":
            complaints.append("lost: not in the queue, and not complete in the trash")
        return complaints

    def mta_complaints(self, tree):
        """There is no program that only reads; the table says it all."""
        return []


def is_alive(files, was, row):
    """Will somebody still get it, or hear of it?"""
    if "mess" not in files:
        return False
    if "todo" in files:
        return True
    told = "bounce" in files and row.kind == "edit"
    return "info" in files and (bool(pending(files)) or not pending(was) or told)


def pending(files):
    """Recipients that are not done: channel and address."""
    found = set()
    for role in CHANNELS:
        if role in files and "info" in files:
            found |= {(role, r[1:]) for r in files[role].data.split(b"\0") if r[:1] == b"T"}
    return found


def marks_fit(data, known):
    """Are the records those of some versions, with each mark as in one of them?"""
    versions = [v.split(b"\0") for v in known]
    records = data.split(b"\0")
    return all(len(v) == len(records) for v in versions) and all(
        r in {v[i] for v in versions} for i, r in enumerate(records)
    )


def is_message(path):
    """A file of a message, or a split directory that fewer would not have."""
    m = re.match(r"queue/\w+/(\d+)(/.*)?$", path)
    return m is not None and (m.group(2) is not None or int(m.group(1)) >= SPLIT)


def make_file(path, node, slot):
    """A file whose number, as qmail would give it, belongs into split directory `slot`."""
    while True:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        number = os.fstat(fd).st_ino
        if number >= 1000 and number % SPLIT == slot:
            break
        os.close(fd)
        os.unlink(path)
    os.write(fd, node.data)
    os.close(fd)
    trees.set_facts(path, node)
    return number


def shifted(node):
    """The same, long ago."""
    return node.with_(mtime=node.mtime - BACK * 1_000_000_000)


def file_path(queue, role, number):
    """Where a file of a message lies."""
    return f"{queue}/{role}/{number % SPLIT}/{number}" if role in SPLIT_DIRS else f"{queue}/{role}/{number}"


def retold(path, node, changed):
    """The journal and notes with new numbers."""
    if not path.endswith((".json", ".jsonl")):
        return node
    data = QUOTED.sub(lambda n: b"%d" % changed.get(int(n.group(0)), int(n.group(0))), node.data)
    restoring = re.search(rb'(?<="restoring": )\d+', data)
    if restoring:
        number = int(restoring.group(0))
        data = data[: restoring.start()] + b"%d" % changed.get(number, number) + data[restoring.end() :]
    return node.with_(data=data)


def renumber(path, changed):
    """A path with new numbers."""
    m = FILE.match(path)
    if m:
        number = int(m.group(4))
        # what lies in the wrong place stays in a wrong place
        if m.group(3) is None or int(m.group(3)) == number % SPLIT:
            return file_path(m.group(1), m.group(2), changed.get(number, number))
        return path
    return NUMBER.sub(lambda n: str(changed.get(int(n.group(0)), n.group(0))), path)

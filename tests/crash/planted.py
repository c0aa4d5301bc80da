"""Damage that is planted on purpose: each must be found, or the checks prove nothing."""

import re

import tree as trees
from proof import Part, Proof
from qmail import QUEUE as QMAIL_QUEUE
from sendmail import BOUNCE, NEWS, QUEUE
from strace import Outcome, string_of


def without(*paths):
    """These names are gone."""
    return lambda tree: {p: n for p, n in tree.items() if p not in paths}


def changed(path, **values):
    """One file is different."""
    return lambda tree: {**tree, path: tree[path].with_(**values)}


def edited(path, pattern, new):
    """One file has other bytes."""
    return lambda tree: {**tree, path: tree[path].with_(data=re.sub(pattern, new, tree[path].data, count=1))}


def copied(path, to, **values):
    """One file is there a second time, as another file."""
    return lambda tree: {**tree, to: tree[path].with_(ino="planted", **values)}


def linked(path, to):
    """One file has another name."""
    return lambda tree: {**tree, to: tree[path]}


def renamed(path, to):
    """One file has another name instead."""
    return lambda tree: {**without(path)(tree), to: tree[path]}


def swapped(one, other):
    """Two files have each other's bytes."""
    return lambda tree: {**tree, one: tree[one].with_(data=tree[other].data), other: tree[other].with_(data=tree[one].data)}


def control(message, prefix="qf"):
    """Its path in a sendmail queue."""
    return f"{QUEUE}/{prefix}{message}"


def of(role, message):
    """Its path in a qmail queue, in a normal tree."""
    return f"{QMAIL_QUEUE}/{role}/{message}"


SENDMAIL = {
    "a data file is gone": without(control(NEWS, "df")),
    "a data file of another message is gone": without(control(BOUNCE, "df")),
    "a control file is gone": without(control(NEWS)),
    "both are gone": without(control(NEWS), control(NEWS, "df")),
    "another message is gone": without(control(BOUNCE), control(BOUNCE, "df")),
    "a control file is there twice": copied(control(NEWS), control(NEWS, "hf")),
    "a message is in two queues": lambda t: linked(control(NEWS), f"a/other/qf{NEWS}")(
        linked(control(NEWS, "df"), f"a/other/df{NEWS}")(t)),
    "a control file is in another queue without data": renamed(control(NEWS), f"a/other/qf{NEWS}"),
    "a control file was given up": renamed(control(NEWS), control(NEWS, "Qf")),
    "a control file is empty": changed(control(NEWS), data=b""),
    "a control file has no end": edited(control(NEWS), rb"\.\n\Z", b""),
    "a control file has something after its end": edited(control(NEWS), rb"\Z", b"\n"),
    "a recipient is gone": edited(control(NEWS), rb"(?m)^R.*\n", b""),
    "a body is cut": edited(control(NEWS, "df"), rb"body.*\n", b""),
    "two bodies are swapped": swapped(control(NEWS, "df"), control(BOUNCE, "df")),
    "a byte of another message is changed": edited(control(BOUNCE), rb"K1", b"K2"),
    "another message has another time": changed(control(BOUNCE), mtime=1),
    "a mode is wrong": changed(control(NEWS), mode=0o600),
    "an owner is wrong": changed(control(NEWS), uid=1),
    "held without a reason": renamed(control(NEWS), control(NEWS, "hf")),
    "a stray file": copied(control(NEWS), f"{QUEUE}/stray"),
    "the configuration is changed": edited("a/mail/sendmail.cf", rb"\A", b"#\n"),
}

QMAIL = {
    "mess is gone": without(of("mess", "otto")),
    "info is gone": without(of("info", "otto")),
    "all is gone": without(*(of(r, "otto") for r in ("mess", "info", "local", "remote"))),
    "another message is gone": without(*(of(r, "gina") for r in ("mess", "info", "local", "remote"))),
    "a recipient is marked done": edited(of("remote", "otto"), rb"\AT", b"D"),
    "a recipient who was done is not": edited(of("remote", "letter"), rb"\0D", b"\0T"),
    "a recipient is gone": edited(of("remote", "letter"), rb"\0[TD][^\0]*", b""),
    "a channel is gone": without(of("remote", "otto")),
    "a bounce file of nobody": without(of("info", "letter"), of("remote", "letter"), of("mess", "letter")),
    "a bounce file is cut": changed(of("bounce", "letter"), data=b""),
    "a new message without intd": without(of("intd", "new")),
    "a new message that is not intd": copied(of("todo", "new"), of("todo", "new")),
    "todo beside info": lambda t: linked(of("todo", "new"), of("todo", "otto"))(linked(of("intd", "new"), of("intd", "otto"))(t)),
    "info of root": changed(of("info", "otto"), uid=0),
    "info that others read": changed(of("info", "otto"), mode=0o644),
    "another sender": edited(of("info", "otto"), rb"otto", b"otta"),
    "another birth": changed(of("info", "otto"), mtime=12345),
    "another acceptance": changed(of("mess", "otto"), mtime=12345),
    "a body is cut": edited(of("mess", "otto"), rb"unique body of otto\n", b""),
    "two bodies are swapped": swapped(of("mess", "otto"), of("mess", "letter")),
    "a byte of another message is changed": edited(of("mess", "gina"), rb"e", b"E"),
    "info in the wrong directory": renamed(of("info", "otto"), f"{QMAIL_QUEUE}/info/6/4711"),
    "a copy of info in the wrong directory": copied(of("info", "otto"), f"{QMAIL_QUEUE}/info/6/4711"),
    "a stray file": copied(of("info", "otto"), f"{QMAIL_QUEUE}/lock/stray"),
    "a message is in two queues": lambda t: {**t, **{p.replace("queue", "other"): n for p, n in t.items() if p.endswith("/otto")}},
}


class Planted(Proof):
    """A row's proof, given damage."""

    def all(self):
        """The parts that must all be found."""
        return [self.reference(), self.states(), self.journals(), self.tellings(), self.syncs()]

    def must_find(self, part, name, complaints):
        """One damage."""
        part.add(name, [] if complaints else ["not found"])

    def states(self):
        """Damage to the queue, before and after the action."""
        part = Part("planted damage", "states")
        damage = SENDMAIL if self.row.mta == "sendmail" else QMAIL
        for name, plant in damage.items():
            for when, tree in (("before", self.before), ("after", self.after)):
                try:
                    planted = plant(tree)
                except KeyError:  # it is about a file that the action takes away
                    continue
                if when == "before" or trees.differences(planted, tree):
                    found = self.world.check(planted, self.before, self.after, self.row)
                    self.must_find(part, f"{name}, {when}", found)
        for tree in (self.before, self.after):
            part.add("no damage", self.world.check(tree, self.before, self.after, self.row))
        return part

    def journals(self):
        """A journal that does not fit what was done, or that cannot be read."""
        part = Part("planted lies", "journals")
        path = next(p for p in self.last if p.startswith("a/journal/"))
        node = self.last[path]
        lines = node.data.splitlines(keepends=True)
        begun = {p: n for p, n in self.first.items() if not p.startswith("a/journal/")}
        self.must_find(part, "no intents", self.state_complaints({**self.last, path: node.with_(data=lines[0])}))
        self.must_find(part, "no journal", self.state_complaints({p: n for p, n in self.last.items() if p != path}))
        self.must_find(part, "done and not done", self.state_complaints({**begun, path: node}))
        torn = node.with_(data=lines[0] + lines[1][:50] + b"\n" + b"".join(lines[2:]))
        self.must_find(part, "told and not done", self.state_complaints(begun, self.row.victims))
        self.must_find(part, "a torn line", self.state_complaints({**self.last, path: torn}))
        part.add("the last line torn", self.state_complaints({**self.last, path: node.with_(data=node.data[:-9])}))
        part.add("no damage", self.state_complaints(self.last))
        return part

    def tellings(self):
        """Words that are not true."""
        part = Part("planted lies", "reports")
        self.begin()
        good = self.world.run(self.argv)
        lines = good.out.splitlines(keepends=True)
        call = self.points[0]
        cases = {
            "a message is not told": Outcome(0, "".join(lines[1:]), good.err),
            "the count is wrong": Outcome(0, good.out, good.err.replace(f"{len(lines)} {self.participle}", f"9 {self.participle}")),
            "no summary": Outcome(0, good.out, ""),
            "failed without a word": Outcome(70, good.out, ""),
            "many words": Outcome(1, good.out, good.err + "x\n" * 9),
        }
        for name, outcome in cases.items():
            self.must_find(part, name, self.telling_complaints(call, outcome, self.after))
        self.must_find(part, "said and not done", self.claim_complaints(good, self.before))
        self.must_find(part, "status 0 and not done", self.telling_complaints(call, good, self.before))
        part.add("the truth", self.telling_complaints(call, good, self.after) + self.claim_complaints(good, self.after))
        return part

    def syncs(self):
        """Each sync left out of the recording is missed when power fails."""
        part = Part("planted omissions", "syncs")
        everything = self.calls
        syncs = [c for c in everything if c.name in ("fsync", "fdatasync") and not c.failed]
        for sync in syncs[:-1]:  # nothing needs the last line of the journal
            self.calls = everything
            left_out = [c for c in syncs if self.makes_good(c, sync)]
            self.calls = [c for c in everything if c not in left_out]
            self.must_find(part, f"without {sync}", self.order().complaints + self.prefixes(again=False).complaints)
        self.calls = everything
        return part

    def makes_good(self, later, sync):
        """This one, or a later one of the same file before the next stage: intents, done, end."""
        at, then = self.calls.index(sync), self.calls.index(later)
        if self.place(later) != self.place(sync) or then < at:
            return False
        return not any(at < i < then and self.is_stage(c) for i, c in enumerate(self.calls))

    def is_stage(self, call):
        """Are the intents on disk with this call, or does it say what was done?"""
        if call.name == "fdatasync":
            last = [c for c in self.calls[: self.calls.index(call)] if self.place(c) == self.place(call)]
            return bool(last) and self.writes_intents(last[-1])
        return call.name == "write" and (self.place(call) is None or b'"result"' in string_of(call.args[1]))

"""`trash empty` and `journal prune` proven: what they remove is there whole or not at all, and nothing else changes."""

import re

import tree as trees
from proof import Proof
from world import JOURNAL

TRASH = "a/trash"


def outside(tree, *places):
    """A tree without what lies at or below these places."""
    return {p: n for p, n in tree.items() if not any((p + "/").startswith(x + "/") for x in places)}


class Tidy(Proof):
    """A row of kind "tidy": its victims are messages in the trash, or none where it is about the journal."""

    def begin(self):
        self.begun = super().begin()
        return self.begun

    @property
    def home(self):
        """Where things are removed."""
        return TRASH if self.row.words[0] == "trash" else JOURNAL

    def kept(self, tree):
        """What is there, by the names of the disk."""
        return trees.below(tree, self.home)

    def reference_complaints(self, outcome):
        self.participle = "removed"
        left = [f"{p} is left" for p in self.kept(self.last)]
        complaints = [] if outcome.status == 0 and self.kept(self.first) else [outcome.told()]
        return complaints + left + self.state_complaints(self.last, self.world.claimed(outcome.out))

    def state_complaints(self, tree, told=()):
        """Nothing else has changed; what is left is whole; what is said to be removed is gone."""
        complaints = trees.differences(outside(tree, self.home), outside(self.begun, self.home))
        left, was = self.kept(tree), self.kept(self.begun)
        for path, node in left.items():
            if path not in was or node.facts() != was[path].facts():
                complaints.append(f"{path} is {node!r}")
        normal = self.world.normal(tree)
        for path in normal:
            folder, _, name = path.rpartition("/")
            if name.endswith(".json") and not self.world.saved_by(normal, folder, name):
                complaints.append(f"{path}: a note of files that are not all there")
        complaints += [f"{run} is said to be gone: {p}" for run in told for p in left if run in p]
        return complaints

    def again_complaints(self, power=False, links=True):
        was = self.world.read()
        outcome = self.world.run(self.argv)
        now = self.world.read()
        complaints = [] if outcome.status == 0 else [outcome.told()]
        complaints += [f"{p} is left" for p in self.kept(now)]
        complaints += trees.differences(outside(now, self.home), outside(was, self.home))
        return [f"the same command again: {c}" for c in complaints]

    def prefixes(self, again=True):
        self.begun = self.first
        return super().prefixes(again)

    def kills(self):
        """Also: the run that deleted, taken back, brings each message back whole or says that it is gone."""
        part = super().kills()
        for call in self.points if self.row.victims else ():
            self.begin()
            self.tracer.kill_at(self.argv, call)
            part.add(call, self.taken_back())
        return part

    def taken_back(self):
        """Undo of what filled the trash."""
        complaints = []
        for path in self.known:
            run = re.sub(r".*/|\.jsonl$", "", path)
            outcome = self.world.run(self.world.argv(["undo", run], self.row.trash))
            now = self.world.normal(self.world.read())
            told = re.findall(r"^mtaq: (\S+): cannot be taken back: it is no longer in the trash$", outcome.err, re.M)
            gone = {self.world.message_of(i) for i in told}
            for message in self.row.victims:
                back = self.world.seen(now, message)
                if bool(back) == (message in gone):
                    complaints.append(f"{message}: {'back' if back else 'gone'}: {outcome.told()}")
        return complaints

    def fault_complaints(self, call, outcome):
        tree = self.world.read()
        complaints = [] if outcome.hit else ["the call was not reached"]
        mute = call.name == "write" and outcome.status == 74
        if outcome.status < 0 or (outcome.status and not outcome.err and not mute):
            complaints.append(f"status {outcome.status} without a word")
        if outcome.status == 0 and self.kept(tree):
            complaints.append(f"status 0, and not all is gone: {outcome.told()}")
        complaints += self.state_complaints(tree, self.world.claimed(outcome.out))
        return complaints + self.again_complaints()

    def claim_complaints(self, outcome, normal):
        """Told in state_complaints."""
        del outcome, normal
        return []

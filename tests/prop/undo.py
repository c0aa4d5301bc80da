"""Random sequences of actions, taken back: the tree must be what it was, after each step back.

usage: undo.py SCRATCH MTAQ SRCDIR SEED SEQUENCES (SCRATCH/world has a/ and b/; a sequence for each recorded queue each
time). Prints TAP. The worlds are those of the crash tests.
"""

import collections
import os
import random
import re
import sys
import tarfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "crash"))
# pylint: disable=wrong-import-position
import qmail  # noqa: E402
import tree as trees  # noqa: E402
from sendmail import Sendmail  # noqa: E402
from world import JOURNAL  # noqa: E402

STEPS = 5  # at most, in a sequence
MORE = 20  # sequences at most, for an action that chance has passed over


class WholeSendmail(Sendmail):
    """All messages of a recorded queue."""

    actions = ("expire", "bounce", "requeue", "hold", "release", "delete", "drop", "move")
    recipients = ("plain@example.net", "relay@example.net", "g1@example.net", "vic@example.net", "a%b@example.net")
    targets = ("a/other", "b/other")
    not_new = ()
    renumbers = False

    def __init__(self, root, program, recorded):
        controls = [p for p in trees.read_tree(recorded) if re.search(r"/[qhQ]f[^/]+$", p)]
        self.flat = any(os.path.dirname(p) == "mqueue" for p in controls)
        super().__init__(root, program, recorded, None, tuple(sorted({p.rpartition("/")[2][2:] for p in controls})))

    def wanted(self, path):
        return True

    def choose(self, some):
        """Words that select these messages."""
        return "id in (" + ", ".join(f"'{m}'" for m in some) + ")"

    def elsewhere(self):
        """Words that name the queues that messages are moved to: what is in them now is not found by itself."""
        if not self.flat:
            return []
        cf = self.path("a/mail/sendmail.cf")
        return [w for place in ("a/other", "b/other") for w in ("-q", f"sendmail:{self.path(place)},cf={cf}")]

    def comparable(self, tree):
        """A control file that was rewritten is another file; what sendmail reads of it is in its bytes. Messages that
        shared a data file do not when one has been on another file system."""
        out = {}
        for path, node in tree.items():
            control = re.match(r"[qhQ]f", path.rpartition("/")[2])
            out[path] = node.with_(mtime=0 if control else node.mtime, ino=path)
        return out


class WholeQmail(qmail.Qmail):
    """Six messages in all the states that matter; qmail-send does not run."""

    actions = ("expire", "bounce", "requeue", "delete", "drop", "move")
    recipients = ("anna@grey.example.net", "defer@local.example.test", "h@busy.example.net", "p@grey.example.net")
    targets = ("a/other",)
    not_new = ("bounce", "expire")  # they make a queued one of a new one, for good
    renumbers = True

    def choose(self, some):
        numbers = [str(n) for n, name in self.numbers.items() if name in some]
        return "id in (" + ", ".join(f"'{n}'" for n in numbers) + ")"

    def elsewhere(self):
        """Likewise."""
        return ["-q", f"qmail:{self.path('a/other')}"]

    def comparable(self, tree):
        """The names of messages instead of their numbers, which are inodes. The times of bounce files and of what is
        not preprocessed say nothing, nor does the group of files made by whoever has sent the message."""
        out = self.normal(tree)
        for path, node in out.items():
            role = path.split("/")[2] if path.count("/") > 2 else ""
            mtime = 0 if role in ("bounce", "todo", "intd") else node.mtime
            gid = 0 if role in ("mess", "todo", "intd") else node.gid
            out[path] = node.with_(mtime=mtime, gid=gid)
        return out


class Sequence:
    """Some actions on a fresh queue, and all of them taken back."""

    def __init__(self, world, chance, done):
        self.world = world
        self.chance = chance
        self.done = done  # Counter of actions that changed something
        self.log = []
        self.stack = []  # [run, tree before it, the action; an undo is of the one below]

    def state(self):
        """All but the journal, the trash and directories that do not change."""
        tree = {p: n for p, n in self.world.read().items() if not re.match(r"[ab]/(journal|trash)(/|$)", p)}
        return self.world.comparable(tree)

    def journals(self):
        """Runs that there are."""
        place = self.world.path(JOURNAL)
        return set(os.listdir(place)) if os.path.isdir(place) else set()

    def command(self, words):
        """Run it; (outcome, the new run's id or None)."""
        before = self.journals()
        outcome = self.world.run(self.world.argv(words, self.trash()))
        new = sorted(self.journals() - before)
        self.log.append(f"{' '.join(words)} -> {outcome.status} {outcome.err.strip().splitlines()[-1:]}")
        if outcome.status not in (0, 1):
            raise AssertionError(f"status {outcome.status}: {outcome.err}")
        return outcome, new[0].removesuffix(".jsonl") if new else None

    def trash(self):
        """Beside the queue or on the other file system, from where a message of qmail comes back under another number,
        which runs before that do not know."""
        return "a/trash" if self.stack and self.world.renumbers else self.chance.choice(["a/trash", "b/trash"])

    def words(self, name):
        """An action, or a random one, on some random messages."""
        name = name or self.chance.choice(self.world.actions)
        some = self.chance.sample(self.world.messages, self.chance.randint(1, min(8, len(self.world.messages))))
        if name in ("drop", "release"):  # of which there are few
            some = self.world.messages
        words = [name, "-e", self.world.choose(some)]
        if name in ("expire", "bounce") and self.chance.random() < 0.5:
            words.append("--even-silent")
        if name == "hold" and self.chance.random() < 0.5:
            words += ["--reason", "it is \u00fcber " + "x" * self.chance.randint(0, 90)]
        if name == "release" and self.chance.random() < 0.3:
            words.append("--renew")
        if name == "delete":
            words += ["-e", "state != incoming"]
        if name in self.world.not_new:
            words += ["-e", "state != new"]
        if name == "drop":
            words += ["--recipient", self.chance.choice(self.world.recipients)]
        if name == "move":
            words += ["--to", "@ROOT@/" + self.chance.choice(self.world.targets)]
        return words

    def forth(self, name=None):
        """One action, or the last one taken back for now."""
        before = self.state()
        undo = bool(self.stack) and self.chance.random() < 0.15 and self.can_be_redone()
        words = self.undo_words() if undo else self.words(name)
        _, run = self.command(words)
        after = self.state()
        if run:
            self.stack.append([run, before, words[0]])
            self.done[words[0]] += bool(trees.differences(after, before))
        else:
            self.same(after, before, "nothing was done, but")

    def back(self):
        """The last action is taken back."""
        words = self.undo_words()
        run, before, action = self.stack.pop()
        outcome, again = self.command(words)
        if outcome.status:
            raise AssertionError(f"undo: {outcome.told()}")
        self.same(self.state(), before, f"after undo {run}")
        if action == "undo":
            # what it had taken back is done again, by another run
            self.stack[-1][0] = again

    def can_be_redone(self):
        """A move that is taken back begins in the queue that it went to, which must be named."""
        return self.stack[-1][2] != "move" or bool(self.world.elsewhere())

    def undo_words(self):
        """Take back the last one."""
        return ["undo"] + self.world.elsewhere() + [self.stack[-1][0]]

    def same(self, got, wanted, when):
        """Two trees are one."""
        found = trees.differences(got, wanted)
        if found:
            raise AssertionError(when + ":\n" + "\n".join(found))

    def trash_is_empty(self):
        """What was deleted is back: no file is left there."""
        left = [p for p, n in self.world.read().items() if re.match(r"[ab]/trash/", p) and n.kind != trees.DIRECTORY]
        if left:
            raise AssertionError(f"left in the trash: {left}")

    def run(self, first):
        """None, or what is wrong. `first`: the action to begin with."""
        self.world.fresh()
        try:
            self.forth(first)
            for _ in range(self.chance.randint(0, STEPS - 1)):
                self.forth()
            while self.stack:
                self.back()
            self.trash_is_empty()
        except AssertionError as e:
            return "\n".join(self.log + [str(e)])
        return None


def unpack(source, target):
    """A recorded queue, with its owners and times."""
    os.mkdir(target)
    with tarfile.open(source) as archive:
        if hasattr(tarfile, "fully_trusted_filter"):
            archive.extraction_filter = tarfile.fully_trusted_filter
        archive.extractall(target, numeric_owner=True)
    return target


def worlds(scratch, program, srcdir):
    """The queues, by name."""
    root = os.path.join(scratch, "world")
    fixtures = os.path.join(srcdir, "fixtures")
    cases = {c: unpack(f"{fixtures}/qmail/{c}.tar", f"{scratch}/{c}") for c in qmail.CASES}
    found = {"qmail": WholeQmail(root, program, cases)}
    found["qmail"].others = True
    for case in ("flat", "split", "quarantined"):
        recorded = unpack(f"{fixtures}/sendmail/{case}.tar", f"{scratch}/sendmail-{case}")
        found[f"sendmail {case}"] = WholeSendmail(root, program, recorded)
    return found


def main():
    scratch, program, srcdir, seed, sequences = sys.argv[1:]
    seed = int(seed) if seed else random.SystemRandom().randrange(1 << 32)
    print(f"# seed {seed}: UNDO_SEED={seed} does the same again", flush=True)
    chance = random.Random(seed)
    count = failed = 0
    done = {"sendmail": collections.Counter(), "qmail": collections.Counter()}

    def sequence(name, world, number, first):
        nonlocal count, failed
        wrong = Sequence(world, random.Random(chance.random()), done[name.split()[0]]).run(first)
        count += 1
        failed += wrong is not None
        print(f"{'not ' if wrong else ''}ok {count} - {name}: sequence {number} is taken back", flush=True)
        for line in (wrong or "").splitlines():
            print("#", line[:1000])

    found = worlds(scratch, program, srcdir)
    for name, world in found.items():
        for i in range(int(sequences)):
            sequence(name, world, i + 1, world.actions[i % len(world.actions)])
    for mta, counter in done.items():
        mine = [(name, world) for name, world in found.items() if name.split()[0] == mta]
        actions = mine[0][1].actions if int(sequences) >= 12 else ()
        for action in actions:
            for i in range(MORE):
                if counter[action]:
                    break
                # the last world is that of held messages, which alone can be released
                sequence(*mine[-1 - i % len(mine)], f"{i + 1} more for {action}", action)
        rare = [a for a in actions if not counter[a]]
        count += 1
        failed += bool(rare)
        print(f"{'not ' if rare else ''}ok {count} - {mta}: each action changed something")
        print("#", ", ".join(f"{a}: {counter[a]}" for a in mine[0][1].actions + ("undo",)))
    print(f"1..{count}")
    return failed != 0


sys.exit(main())

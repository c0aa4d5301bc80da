"""The table of actions that are killed, failed and cut off from power: a row each.

A new row is one line of ROWS: a name, the MTA, the words of the command as one would type them (behind the fixed ones of
World.argv: queue, clock, journal, trash), the messages it is about, and what becomes of them (Row.kind). Commands in
`before` are run first; @RUN@ is the run that the last of them made, @ROOT@ the directory of the world (a/ and b/ below it
are two filesystems). The messages are those of sendmail.py and qmail.py, which lay out a small queue and know what must
hold in it; a row that needs other messages adds them there (LAYOUTS, RECORDED). The command must do something to each of its
messages when nothing disturbs it ("reference"), and it must make the same calls each time: --jobs 1, no shuffled names.

One row, one part of its proof: CRASH_ROWS="sendmail_expire =kills" tests/crash/crash.sh; the parts are methods of Proof
in proof.py: order, kills, faults, shorts, prefixes. What is wrong is printed below the line of its part, with the call
where it happened.
"""

from dataclasses import dataclass, field

import sendmail as s


@dataclass
class Row:
    """One command on one world."""

    name: str
    mta: str
    words: list
    victims: tuple  # messages that it is about
    # "edit": they stay; "trash": into the trash; "purge": gone; "move": into another queue; "copy": saved too;
    # "back": out of the trash; "ask": nothing happens but that the MTA is asked; "tidy": what
    # was kept is removed for good (tidy.py)
    kind: str = "edit"
    before: list = field(default_factory=list)  # commands that are run first
    trash: str = "a/trash"
    checked: bool = False  # the checker is tried on it, with damage that is planted
    layout: str = "flat"  # sendmail: which recorded queue (sendmail.py)
    live: bool = False  # qmail: qmail-send runs

    live_before: bool = True  # and has run during the commands before
    again: tuple = (0,)  # exit statuses of the same command after one that was cut off

    rules: str = ""  # what is in a/rules

    lasting: bool = False  # undo cannot take it back

    @property
    def undo(self):
        """Can `mtaq undo` bring everything back?"""
        return not self.lasting and self.kind in ("edit", "trash", "move") and self.words[0] != "retry"

    @property
    def done(self):
        """The action that is done, or taken back."""
        return (self.before[-1] if self.words[0] == "undo" else self.words)[0]

    @property
    def asks(self):
        """Is the MTA's own program run?"""
        return self.mta == "sendmail" and (self.kind == "ask" or "--try" in self.words)

    @property
    def elsewhere(self):
        """Does it go to another file system?"""
        return self.trash.startswith("b/") or any("@ROOT@/b/" in w for w in self.words)

    @property
    def title(self):
        """For the one who reads the results."""
        return f"{self.mta} {self.name}"


def by_id(*ids):
    """Words that select messages by their ids, and find none when they are gone."""
    return ["-e", "id in (" + ", ".join(f'"{i}"' for i in ids) + ")"]


def by_sender(*senders):
    """Words that select messages."""
    return ["-e", "sender in (" + ", ".join(f'"{a}"' for a in senders) + ")"]


def rule(action, selector):
    """A file of rules with one rule."""
    return f"rule these\n    when {selector[1]}\n    do {action}\n"


TWO = by_sender("news@example.com", "listowner@example.org")
PAIR = by_sender("otto@local.example.test", "newsletter@local.example.test")

TWO_IDS = (s.NEWS, s.OWNER)
PLAIN = by_sender("news@example.com", "edgar@example.com")
PLAIN_IDS = (s.NEWS, s.EDGAR)
PAIR_IDS = ("otto", "letter")
SPLIT, GROUPS = by_id(*s.SPLIT_PAIR), by_id(*s.GROUP_PAIR)

NEW = by_sender("uwe@local.example.test")

EXPIRE, HOLD, DELETE = (["expire"] + TWO, ["hold"] + TWO, ["delete"] + TWO)
DROP = ["drop", "--recipient", "plain@example.net"] + PLAIN
MOVE = ["move", "--to", "@ROOT@/a/other"] + TWO
SAVE = ["save", "--to", "@ROOT@/a/saved"] + TWO
UNDO = ["undo", "@RUN@"]
APPLY = ["apply", "@ROOT@/a/rules"]
Q_DELETE = ["delete"] + PAIR
Q_MOVE = ["move", "--to", "@ROOT@/a/other"] + PAIR
Q_BOUNCE = ["bounce", "--reason", "It is enough."] + PAIR
Q_DROP = ["drop", "--recipient", "@grey.example.net"] + PAIR
LATER = ["-o", "0s", "--clock", "@1999999999"]
N_DELETE, N_BOUNCE = ["delete"] + NEW, ["bounce"] + NEW
QTOOL_TWO = ["-e", '$msg{sender} eq "news@example.com" or $msg{sender} eq "listowner@example.org"']
QTOOL = ["qtool", "-C", "@ROOT@/a/mail/sendmail.cf"] + QTOOL_TWO
N_DROP = ["drop", "--recipient", "one@example.com"] + NEW

ROWS = [
    Row("expire", "sendmail", EXPIRE, TWO_IDS, checked=True),
    Row("bounce", "sendmail", ["bounce"] + TWO, TWO_IDS),
    Row("requeue", "sendmail", ["requeue"] + TWO, TWO_IDS),
    Row("hold", "sendmail", HOLD, TWO_IDS),
    Row("release", "sendmail", ["release"] + TWO, TWO_IDS, before=[HOLD]),
    Row("delete", "sendmail", DELETE, TWO_IDS, "trash", checked=True),
    Row("delete, trash elsewhere", "sendmail", DELETE, TWO_IDS, "trash", trash="b/trash"),
    Row("delete --purge", "sendmail", DELETE + ["--purge"], TWO_IDS, "purge"),
    Row("drop", "sendmail", DROP, PLAIN_IDS),
    Row("move", "sendmail", MOVE, TWO_IDS, "move"),
    Row("move, elsewhere", "sendmail", ["move", "--to", "@ROOT@/b/other"] + TWO, TWO_IDS, "move"),
    Row("save", "sendmail", SAVE, TWO_IDS, "copy", again=(0, 1)),
    Row("save, elsewhere", "sendmail", ["save", "--to", "@ROOT@/b/saved"] + TWO, TWO_IDS, "copy", again=(0, 1)),
    Row("restore", "sendmail", ["trash", "restore"] + list(TWO_IDS), TWO_IDS, "back", before=[DELETE], again=(0, 1)),
    Row("restore from elsewhere", "sendmail", ["trash", "restore"] + list(TWO_IDS), TWO_IDS, "back", before=[DELETE],
        trash="b/trash", again=(0, 1)),
    Row("restore of saved ones", "sendmail", ["restore", "--from", "@ROOT@/a/saved"] + list(TWO_IDS), TWO_IDS, "back",
        before=[SAVE, DELETE + ["--purge"]], again=(0, 1)),
    Row("undo of delete", "sendmail", UNDO, TWO_IDS, "back", before=[DELETE]),
    Row("undo of move", "sendmail", UNDO, TWO_IDS, "move", before=[MOVE]),
    Row("undo of expire", "sendmail", UNDO, TWO_IDS, before=[EXPIRE]),
    Row("undo of hold", "sendmail", UNDO, TWO_IDS, before=[HOLD]),
    Row("undo of drop", "sendmail", UNDO, PLAIN_IDS, before=[DROP]),
    Row("retry", "sendmail", ["retry"] + TWO, TWO_IDS, "ask"),
    Row("expire --try", "sendmail", EXPIRE + ["--try"], TWO_IDS),
    Row("bounce, groups", "sendmail", ["bounce"] + GROUPS, s.GROUP_PAIR, layout="groups"),
    Row("hold, split", "sendmail", ["hold"] + SPLIT, s.SPLIT_PAIR, layout="split"),
    Row("delete, split", "sendmail", ["delete"] + SPLIT, s.SPLIT_PAIR, "trash", layout="split"),
    Row("delete --purge, split", "sendmail", ["delete", "--purge"] + SPLIT, s.SPLIT_PAIR, "purge", layout="split"),
    Row("move, split", "sendmail", ["move", "--to", "@ROOT@/a/other"] + SPLIT, s.SPLIT_PAIR, "move", layout="split"),
    Row("undo of delete, split", "sendmail", UNDO, s.SPLIT_PAIR, "back", layout="split", before=[["delete"] + SPLIT]),
    Row("delete, groups", "sendmail", ["delete"] + GROUPS, s.GROUP_PAIR, "trash", layout="groups"),
    Row("delete --purge, groups", "sendmail", ["delete", "--purge"] + GROUPS, s.GROUP_PAIR, "purge", layout="groups"),
    Row("move, groups", "sendmail", ["move", "--to", "@ROOT@/a/other"] + GROUPS, s.GROUP_PAIR, "move", layout="groups",
        lasting=True),  # d lines stay away
    Row("move to another group", "sendmail", ["move", "--to", "@ROOT@/a/mqueue/qmain2"] + GROUPS, s.GROUP_PAIR, "move",
        layout="groups"),
    Row("undo of delete, groups", "sendmail", UNDO, s.GROUP_PAIR, "back", layout="groups", before=[["delete"] + GROUPS]),
    Row("apply", "sendmail", APPLY, TWO_IDS, rules=rule("expire", TWO)),
    Row("apply", "qmail", APPLY, PAIR_IDS, "trash", rules=rule("delete", PAIR)),
    Row("qtool -d", "sendmail", QTOOL + ["-d", "@ROOT@/a/mqueue"], TWO_IDS, "trash"),
    Row("qtool, moving", "sendmail", QTOOL + ["@ROOT@/a/other", "@ROOT@/a/mqueue"], TWO_IDS, "move"),
    Row("trash empty", "sendmail", ["trash", "empty"] + LATER, TWO_IDS, "tidy", before=[DELETE]),
    Row("journal prune", "sendmail", ["journal", "prune"] + LATER, (), "tidy", before=[EXPIRE, DELETE]),
    Row("trash empty", "qmail", ["trash", "empty"] + LATER, PAIR_IDS, "tidy", before=[Q_DELETE]),
    Row("expire, live", "qmail", ["expire"] + PAIR, PAIR_IDS, live=True),
    Row("expire", "qmail", ["expire"] + PAIR, PAIR_IDS, checked=True),
    Row("requeue, live", "qmail", ["requeue"] + PAIR, PAIR_IDS, live=True),
    Row("retry", "qmail", ["retry"] + PAIR, PAIR_IDS),
    Row("delete, live", "qmail", Q_DELETE, PAIR_IDS, "trash", live=True),
    Row("delete", "qmail", Q_DELETE, PAIR_IDS, "trash"),
    Row("delete, trash elsewhere", "qmail", Q_DELETE, PAIR_IDS, "trash", trash="b/trash"),
    Row("delete --purge, live", "qmail", Q_DELETE + ["--purge"], PAIR_IDS, "purge", live=True),
    Row("delete --purge", "qmail", Q_DELETE + ["--purge"], PAIR_IDS, "purge"),
    Row("bounce, live", "qmail", Q_BOUNCE, PAIR_IDS, live=True),
    Row("drop, live", "qmail", Q_DROP, PAIR_IDS, live=True),
    Row("drop", "qmail", Q_DROP, PAIR_IDS),
    Row("bounce", "qmail", Q_BOUNCE, PAIR_IDS),
    Row("save", "qmail", ["save", "--to", "@ROOT@/a/saved"] + PAIR, PAIR_IDS, "copy", again=(0, 1)),
    Row("undo of delete, live", "qmail", UNDO, PAIR_IDS, "back", before=[Q_DELETE], live=True),
    Row("restore, live", "qmail", ["trash", "restore", "@otto@", "@letter@"], PAIR_IDS, "back", before=[Q_DELETE], live=True, live_before=False, again=(0, 1)),
    Row("restore", "qmail", ["trash", "restore", "@otto@", "@letter@", "--keep-age"], PAIR_IDS, "back", before=[Q_DELETE], again=(0, 1)),
    Row("undo of delete", "qmail", UNDO, PAIR_IDS, "back", before=[Q_DELETE]),
    Row("move", "qmail", Q_MOVE, PAIR_IDS, "move"),
    Row("undo of move", "qmail", UNDO, PAIR_IDS, "move", before=[Q_MOVE]),
    Row("undo of bounce", "qmail", UNDO, PAIR_IDS, before=[Q_BOUNCE]),
    Row("undo of expire", "qmail", UNDO, PAIR_IDS, before=[["expire"] + PAIR]),
    Row("undo of drop", "qmail", UNDO, PAIR_IDS, before=[Q_DROP]),
    Row("delete of a new one", "qmail", N_DELETE, ("new",), "trash"),
    Row("delete --purge of a new one", "qmail", N_DELETE + ["--purge"], ("new",), "purge"),
    Row("bounce of a new one", "qmail", N_BOUNCE, ("new",), lasting=True),
    Row("expire of a new one", "qmail", ["expire"] + NEW, ("new",), lasting=True),
    Row("drop of a new one", "qmail", N_DROP, ("new",)),
    Row("save of a new one", "qmail", ["save", "--to", "@ROOT@/a/saved"] + NEW, ("new",), "copy", again=(0, 1)),
    Row("undo of delete of a new one", "qmail", UNDO, ("new",), "back", before=[N_DELETE]),
    Row("undo of drop of a new one", "qmail", UNDO, ("new",), before=[N_DROP]),
]


def named(title):
    """The row with this title."""
    return next(r for r in ROWS if r.title == title)

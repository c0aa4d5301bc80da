"""The table of actions that are killed, failed and cut off from power: a row each."""

from dataclasses import dataclass, field

import sendmail as s


PARTICIPLE = {"hold": "held", "drop": "dropped"}


@dataclass
class Row:
    """One command on one world."""

    name: str
    mta: str
    words: list
    victims: tuple  # messages that it is about
    # "edit": they stay; "trash": into the trash; "purge": gone; "move": into another queue; "copy": saved too;
    # "back": out of the trash
    kind: str = "edit"
    before: list = field(default_factory=list)  # commands that are run first
    trash: str = "a/trash"
    checked: bool = False  # the checker is tried on it, with damage that is planted
    live: bool = False  # qmail: qmail-send runs
    told: str = ""  # "expired", ...; by the command when it is not said

    @property
    def title(self):
        """For the one who reads the results."""
        return f"{self.mta} {self.name}"

    def __post_init__(self):
        self.told = self.told or PARTICIPLE.get(self.words[0], self.words[0] + "d")


def by_sender(*senders):
    """Words that select messages."""
    return ["-e", "sender in (" + ", ".join(f'"{a}"' for a in senders) + ")"]


TWO = by_sender("news@example.com", "listowner@example.org")
PAIR = by_sender("otto@local.example.test", "newsletter@local.example.test")
NEW = by_sender("uwe@local.example.test")

ROWS = [
    Row("expire", "sendmail", ["expire"] + TWO, (s.NEWS, s.OWNER), checked=True),
    Row("bounce", "sendmail", ["bounce"] + TWO, (s.NEWS, s.OWNER)),
    Row("requeue", "sendmail", ["requeue"] + TWO, (s.NEWS, s.OWNER)),
    Row("expire, live", "qmail", ["expire"] + PAIR, ("otto", "letter"), live=True),
    Row("expire", "qmail", ["expire"] + PAIR, ("otto", "letter"), checked=True),
    Row("requeue, live", "qmail", ["requeue"] + PAIR, ("otto", "letter"), live=True),
    Row("bounce, live", "qmail", ["bounce"] + PAIR, ("otto", "letter"), live=True),
    Row("bounce", "qmail", ["bounce"] + PAIR, ("otto", "letter")),
    Row("bounce in todo", "qmail", ["bounce"] + NEW, ("new",)),
    Row("drop, live", "qmail", ["drop", "--recipient", "@grey.example.net"] + PAIR, ("otto", "letter"), live=True),
    Row("drop", "qmail", ["drop", "--recipient", "@grey.example.net"] + PAIR, ("otto", "letter")),
    Row("drop in todo", "qmail", ["drop", "--recipient", "@example.com"] + NEW, ("new",)),
    Row("delete, live", "qmail", ["delete"] + PAIR, ("otto", "letter"), "trash", live=True),
    Row("delete", "qmail", ["delete"] + PAIR, ("otto", "letter"), "trash"),
    Row("delete in todo", "qmail", ["delete"] + NEW, ("new",), "trash"),
    Row("delete to another filesystem", "qmail", ["delete"] + PAIR, ("otto", "letter"), "trash", trash="b/trash"),
    Row("delete --purge", "qmail", ["delete", "--purge"] + PAIR, ("otto", "letter"), "purge"),
    Row("move", "qmail", ["move", "--to", "@ROOT@/a/other"] + PAIR, ("otto", "letter"), "move"),
    Row("save", "qmail", ["save", "--to", "@ROOT@/a/saved"] + PAIR, ("otto", "letter"), "copy"),
    Row("restore", "qmail", ["trash", "restore", "--keep-age", "ALL"], ("otto", "letter"), "back", before=[["delete"] + PAIR]),
    Row("undo of delete", "qmail", ["undo", "@RUN@"], ("otto", "letter"), "back", before=[["delete"] + PAIR]),
    Row("undo of bounce", "qmail", ["undo", "@RUN@"], ("otto", "letter"), before=[["bounce"] + PAIR]),
]


def named(title):
    """The row with this title."""
    return next(r for r in ROWS if r.title == title)

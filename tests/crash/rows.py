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

ROWS = [
    Row("expire", "sendmail", ["expire"] + TWO, (s.NEWS, s.OWNER), checked=True),
    Row("bounce", "sendmail", ["bounce"] + TWO, (s.NEWS, s.OWNER)),
    Row("requeue", "sendmail", ["requeue"] + TWO, (s.NEWS, s.OWNER)),
    Row("expire, live", "qmail", ["expire"] + PAIR, ("otto", "letter"), live=True),
    Row("expire", "qmail", ["expire"] + PAIR, ("otto", "letter"), checked=True),
    Row("requeue, live", "qmail", ["requeue"] + PAIR, ("otto", "letter"), live=True),
]


def named(title):
    """The row with this title."""
    return next(r for r in ROWS if r.title == title)

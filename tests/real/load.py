"""Several mtaq, queue runners, arriving mail and an observer on one real queue; then every message is accounted for.

usage: load.py WORLD MTAQ PORT SEED SECONDS (WORLD was made by private-sendmail.sh). Prints TAP.
"""

import collections
import ctypes
import json
import os
import random
import re
import socketserver
import subprocess
import sys
import threading
import time

DEFERRED, OTHERS = 520, 80  # messages before the load starts
BODY = re.compile(rb"begin (\d+) of (\d+) lines\n((?:line \d+ of \d+ [x.]*\n)*)end (\d+)\n")
RESULT = re.compile(r"^([0-9A-Za-x]+): (\w+), from=", re.M)
COUNT = re.compile(r"(\d+) (deleted|moved|held|released|expired|requeued)\b")
HARMLESS = re.compile("busy|locked|gone|changed|past their return timeout")
COMMANDS = 60  # seconds that one may take
LONGER = 60  # seconds more, where the time was too short for something of everything
NEEDED = ("expired", "requeued", "deleted", "held", "released", "moved")  # participles
ROUNDS = 20  # of looking, at least
SPARED = 8  # each so-manieth message is neither deleted nor expired: however fast all goes, some are left at the end


def body_of(number):
    """The body of a message, which says whose it is and where it ends."""
    lines = 1 + number * 7 % 60
    middle = b"".join(b"line %d of %d %s\n" % (i, number, b"x" * (i % 50) + b".") for i in range(lines))
    return b"begin %d of %d lines\n%send %d\n" % (number, lines, middle, number)


def whole_bodies(data, problems, where):
    """The numbers of the messages whose bodies are in some bytes; what is cut or changed is a problem."""
    found = [int(m.group(1)) for m in BODY.finditer(data) if m.group(0) == body_of(int(m.group(1)))]
    if data.count(b"begin ") != len(found) or not found:
        problems.append(f"{where}: not a whole body: {data[:200]!r}")
    return found


class Sink(socketserver.StreamRequestHandler):
    """Where sendmail relays to: it refuses by domain, for now or for good, and keeps what it accepts."""

    def say(self, text):
        """One line of answer."""
        self.wfile.write(text.encode() + b"\r\n")

    def answer_to(self, recipient):
        """By the recipient's domain."""
        if "@later." in recipient:
            return "451 4.3.0 not now"
        if "@never." in recipient:
            return "550 5.1.1 no such user"
        if "@maybe." in recipient and self.server.chance.random() < 0.6:
            return "450 4.2.0 try again"
        return "250 2.1.5 ok"

    def handle(self):
        self.say("220 sink.example.test ESMTP")
        recipient = ""
        for line in self.rfile:
            verb = line[:4].upper()
            if verb == b"EHLO":
                self.say("250-sink.example.test\r\n250 ENHANCEDSTATUSCODES")
            elif verb == b"RCPT":
                recipient = line.decode("latin-1")
                self.say(self.answer_to(recipient))
            elif verb == b"DATA":
                self.say("354 go on")
                self.take(recipient)
            elif verb == b"QUIT":
                self.say("221 2.0.0 bye")
                return
            else:
                self.say("250 2.0.0 ok")

    def take(self, recipient):
        """The message itself; `half` recipients are refused only after it."""
        lines = []
        while True:
            line = self.rfile.readline()
            if not line:
                return
            if line == b".\r\n":
                break
            lines.append(line[1:] if line.startswith(b".") else line)
        if "@half." in recipient and self.server.chance.random() < 0.5:
            self.say("451 4.3.0 disk full")
            return
        self.server.accepted.append(b"".join(lines).replace(b"\r\n", b"\n"))
        self.say("250 2.0.0 accepted")


class Server(socketserver.ThreadingTCPServer):
    """The sink, a thread for each connection."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64


class Submitter:
    """New messages, numbered, through SMTP on a pipe."""

    def __init__(self, sendmail):
        self.sendmail = sendmail
        self.domains = []  # by number

    def submit(self, domains):
        """One session, a message to each of the domains."""
        with subprocess.Popen([self.sendmail, "-bs"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as p:
            self.answers(p, 1, b"2")
            self.say(p, b"EHLO client.example.test\r\n", b"2")
            for domain in domains:
                number = len(self.domains)
                self.say(p, b"MAIL FROM:<root@mx.example.test>\r\n", b"2")
                self.say(p, b"RCPT TO:<u%d@%s.test>\r\n" % (number, domain.encode()), b"2")
                self.say(p, b"DATA\r\n", b"3")
                text = b"Subject: number %d\n\n" % number + body_of(number)
                self.say(p, text.replace(b"\n", b"\r\n") + b".\r\n", b"2")
                self.domains.append(domain)
            self.say(p, b"QUIT\r\n", b"2")

    def say(self, p, data, wanted):
        """Send something, and read the answer."""
        p.stdin.write(data)
        p.stdin.flush()
        self.answers(p, 1, wanted)

    @staticmethod
    def answers(p, count, wanted):
        """Read so many answers, which must begin so."""
        while count:
            line = p.stdout.readline()
            if line[:1] != wanted:
                raise RuntimeError(f"sendmail does not take a message: {line!r}")
            count -= line[3:4] == b" "


class Directory:
    """The names in a directory at one moment: where the file system allows it, all in one call."""

    def __init__(self, path):
        self.fd = os.open(path, os.O_DIRECTORY)
        kind = subprocess.run(["stat", "-f", "-c", "%T", path], capture_output=True, text=True, check=False).stdout
        self.call = getattr(ctypes.CDLL(None), "getdents64", None)
        self.at_once = self.call is not None and kind.strip() in ("tmpfs", "ext2/ext3")
        self.buffer = ctypes.create_string_buffer(1 << 20)
        self.cut = 0  # listings that did not come whole

    def names(self):
        """The set of them."""
        if not self.at_once:
            return set(os.listdir(self.fd))
        size, rest = 0, 1
        while rest:  # a signal cuts a listing short
            os.lseek(self.fd, 0, os.SEEK_SET)
            size = self.call(self.fd, self.buffer, ctypes.c_size_t(len(self.buffer)))
            data = self.buffer.raw[:max(size, 0)]
            rest = self.call(self.fd, self.buffer, ctypes.c_size_t(len(self.buffer)))
            self.cut += rest != 0
        at, names = 0, set()
        while at < size:
            length = int.from_bytes(data[at + 16:at + 18], sys.byteorder)
            names.add(os.fsdecode(data[at + 19:data.index(0, at + 19)]))
            at += length
        return names

    def has(self, name):
        """Is there such a file now?"""
        try:
            os.stat(name, dir_fd=self.fd, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def read(self, name):
        """Its bytes, none when it is gone."""
        try:
            with open(name, "rb", opener=lambda path, flags: os.open(path, flags, dir_fd=self.fd)) as f:
                return f.read()
        except FileNotFoundError:
            return b""


class Observer(threading.Thread):
    """Looks all the time for control files without their data.

    A data file that is found missing may be that of a message that sendmail has done with: it removes it first. Such a
    message never comes back; one that does was visible without its data. A bounce of sendmail's own is another matter:
    its control file is there before its data when it cannot be delivered at once.
    """

    def __init__(self, folders):
        super().__init__()
        self.folders = {f: Directory(f) for f in folders}
        self.stop = threading.Event()
        self.rounds = 0
        self.seen = 0  # control files looked at
        self.bare = {}  # (folder, name) -> when it was first seen without data
        self.stays = set()  # those that were so for long
        self.complaints = []

    def look(self):
        """One round."""
        for folder, directory in self.folders.items():
            names = directory.names()
            controls = [n for n in names if n[:2] in ("qf", "hf")]
            self.seen += len(controls)
            self.complaints += [f"{folder}/{n}: sendmail has given it up" for n in names if n[:2] == "Qf"]
            for name in controls:
                if "df" + name[2:] not in names and self.is_bare(directory, name):
                    self.bare.setdefault((folder, name), time.monotonic())
        for folder, name in list(self.bare):
            self.look_again(folder, name)
        self.rounds += 1

    @staticmethod
    def is_bare(directory, name):
        """A listing that took its time is not enough: look at the two themselves."""
        data = "df" + name[2:]
        seen = directory.at_once or (not directory.has(data) and directory.has(name) and not directory.has(data))
        return seen and b"\nSMAILER-DAEMON\n" not in directory.read(name)

    def look_again(self, folder, name):
        """Without data since when, and is it gone now?"""
        first, directory = self.bare[folder, name], self.folders[folder]
        if first and not directory.has(name):
            self.bare[folder, name] = 0.0
        elif first and time.monotonic() - first > 5:
            self.stays.add((folder, name))
            self.bare[folder, name] = 0.0

    def judge(self):
        """When nobody works on the queue any more: what was without data for long has ended, where the machine stood still,
        or is so for good."""
        for folder, name in sorted(self.stays):
            directory = self.folders[folder]
            if directory.has(name) and not directory.has("df" + name[2:]):
                self.complaints.append(f"{folder}/{name} stays without data")

    def run(self):
        try:
            while not self.stop.is_set():
                self.look()
        except Exception as e:  # pylint: disable=broad-except
            self.complaints.append(f"looking: {e!r}")


class Load:
    """The whole of it."""

    def __init__(self, world, program, port, seed, seconds):
        self.world = world
        self.queue = os.path.join(world, "spool/mqueue")
        self.other = os.path.join(world, "spool/other")
        self.trash = os.path.join(world, "spool/mtaq-trash")
        self.mail = os.path.join(world, "mail")
        self.sendmail = os.path.join(world, "bin/sm")
        self.program = program
        self.seed = seed
        self.seconds = seconds
        self.chance = random.Random(seed)
        self.submitter = Submitter(self.sendmail)
        self.complaints = []
        self.told = collections.Counter()  # what mtaq's lines say it did, by participle
        self.deleted = []  # ids
        self.moved = collections.Counter()  # id -> times there minus times back
        self.runs = collections.Counter()
        self.ends = 0.0
        os.mkdir(self.other, 0o700)
        self.sink = Server(("127.0.0.1", port), Sink)
        self.sink.chance = random.Random(seed + 1)
        self.sink.accepted = []
        threading.Thread(target=self.sink.serve_forever, daemon=True).start()
        self.observer = Observer([self.queue, self.other])

    # --- those who work on the queue

    def until_the_end(self, step):
        """A thread that does something again and again; what goes wrong in it is a complaint."""
        chance = random.Random(self.chance.random())

        def body():
            while time.monotonic() < self.ends or self.scarce() and time.monotonic() < self.ends + LONGER:
                try:
                    step(chance)
                except Exception as e:  # pylint: disable=broad-except
                    self.complaints.append(f"{step.__name__}: {e!r}")
                    return

        return threading.Thread(target=body)

    def scarce(self):
        """Complaints of what there was too little of, so far, for the test to mean anything."""
        done = [s for what in NEEDED for s in least(what, self.told[what], 1)]
        return done + least("rounds of looking", self.observer.rounds, ROUNDS)

    def run_queue(self, chance):
        """One run of sendmail over the queue, in its own order."""
        order = chance.choice(["priority", "random", "time", "host"])
        # its status is that of some delivery: it says nothing of the run
        subprocess.run([self.sendmail, "-qf", "-OQueueSortOrder=" + order], timeout=COMMANDS, check=False,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.runs["queue runs"] += 1

    def arrive(self, chance):
        """New mail, a few at once."""
        self.submitter.submit(chance.choices(["later", "never", "ok", "maybe", "half"], k=chance.randint(1, 12)))
        time.sleep(chance.random() / 5)

    def some(self, chance, most, spare=False):
        """Words that choose some messages, by their recipients."""
        numbers = chance.sample(range(len(self.submitter.domains)), chance.randint(1, most))
        return self.these(n for n in numbers if not spare or n % SPARED)

    @staticmethod
    def these(numbers):
        """Words that choose messages by their numbers."""
        users = "|".join(str(n) for n in numbers) or "none"
        return ["-e", f"not bounce and recipient =~ /^u({users})@/"]

    def expire_or_requeue(self, chance):
        """The first of the three: ages."""
        what = chance.choice(["expire", "requeue", "requeue"])
        self.mtaq([what] + self.some(chance, 12, what == "expire"))

    def delete(self, chance):
        """The second: into the trash, of what is held too."""
        words = ["-e", "state in (queued, held)"] if chance.random() < 0.5 else []
        self.mtaq(["delete"] + self.some(chance, 6, True) + words)

    def hold_release_move(self, chance):
        """The third: held, released, to another directory and back."""
        what = chance.choice(["hold", "hold", "release", "release", "move", "back"])
        if what == "move":
            self.mtaq(["move", "--to", self.other] + self.some(chance, 10))
        elif what == "back":
            self.mtaq(["move", "--to", self.queue] + self.some(chance, 200), self.other)
        else:
            self.mtaq([what] + self.some(chance, 60))

    def mtaq(self, words, queue=None):
        """One command, and what it says it did."""
        cf = os.path.join(self.world, "cf/sendmail.cf")
        spec = f"sendmail:{queue or self.queue},cf={cf}"
        argv = [self.program, "-q", spec, "--journal", os.path.join(self.world, "journal"), words[0], "--no-syslog"]
        p = subprocess.run(argv + words[1:], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                           timeout=COMMANDS, check=False)
        self.runs["mtaq runs"] += 1
        if p.returncode not in (0, 1):
            self.complaints.append(f"{' '.join(argv + words[1:])}: status {p.returncode}: {p.stderr}")
        lines = RESULT.findall(p.stdout)
        for message, participle in lines:
            self.told[participle] += 1
            if participle == "deleted":
                self.deleted.append(message)
            if participle == "moved":
                self.moved[message] += -1 if queue else 1
        said = sum(int(n) for n, _ in COUNT.findall(p.stderr.splitlines()[-1] if p.stderr else ""))
        if said != len(lines):
            self.complaints.append(f"{words[0]}: {len(lines)} lines, but it counts {said}: {p.stderr}")
        if p.returncode:
            self.runs["of which met busy or vanished ones"] += 1
            bad = [s for s in p.stderr.splitlines()[:-1] if not HARMLESS.search(s)]
            self.complaints += [f"{words[0]}: {s}" for s in bad]

    # --- the course of it

    def fill(self):
        """The queue as the load finds it."""
        domains = ["later"] * DEFERRED + ["never", "ok", "maybe", "half"] * (OTHERS // 4)
        self.chance.shuffle(domains)
        for at in range(0, len(domains), 150):
            self.submitter.submit(domains[at:at + 150])
        self.run_queue(self.chance)

    def work(self):
        """All at once, for a while; then everybody finishes what he has begun."""
        self.ends = time.monotonic() + self.seconds
        steps = [self.run_queue, self.run_queue, self.arrive, self.expire_or_requeue, self.delete,
                 self.hold_release_move]
        threads = [self.until_the_end(s) for s in steps]
        self.observer.start()
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.ends = 0.0
        self.divide()
        self.run_queue(self.chance)
        self.observer.stop.set()
        self.observer.join()
        self.observer.look()
        self.observer.judge()

    def divide(self):
        """Of those that nobody has ended, some go to each of the two directories: neither is empty at the end."""
        spared = range(0, len(self.submitter.domains), SPARED)
        self.mtaq(["release"] + self.these(spared))
        self.mtaq(["move", "--to", self.other] + self.these(spared[::2]))
        self.mtaq(["move", "--to", self.queue] + self.these(spared[1::2]), self.other)

    # --- accounting

    def queued(self, folder):
        """Messages in a queue directory: id -> number; what is there but should not be is a complaint."""
        found = {}
        names = sorted(os.listdir(folder))
        for name in names:
            path = os.path.join(folder, name)
            if name[:2] in ("qf", "hf"):
                found.setdefault(name[2:], []).extend(self.control(path))
            elif name[:2] != "df" or not {"qf" + name[2:], "hf" + name[2:]} & set(names):
                self.complaints.append(f"{path} is left over")
        return found

    def control(self, path):
        """The number of the message of a control file."""
        data = os.path.join(os.path.dirname(path), "df" + os.path.basename(path)[2:])
        with open(path, "rb") as f:
            control = f.read()
        if not control.endswith(b"\n.\n"):
            self.complaints.append(f"{path} has no end")
        if not os.path.exists(data):
            self.complaints.append(f"{path} has no data")
            return []
        return self.bodies(data)

    def bodies(self, path):
        """The numbers in a file."""
        with open(path, "rb") as f:
            return whole_bodies(f.read(), self.complaints, path)

    def in_trash(self):
        """Messages in the trash that are complete: id -> number."""
        found = {}
        for folder, _, names in os.walk(self.trash):
            notes = [n for n in names if n.endswith(".json")]
            of_notes = set(notes)
            for name in notes:
                with open(os.path.join(folder, name), encoding="utf-8") as f:
                    note = json.load(f)
                for file in note["files"]:
                    of_notes.add(file["name"])
                    size = os.path.getsize(os.path.join(folder, file["name"]))
                    if size != file["size"]:
                        self.complaints.append(f"{folder}/{file['name']} has {size} bytes, not {file['size']}")
                    if file["role"] == "data":
                        numbers = self.bodies(os.path.join(folder, file["name"]))
                        found.setdefault(note["id"], []).extend(numbers)
            self.complaints += [f"{folder}/{n} belongs to no message" for n in set(names) - of_notes]
        return found

    def account(self):
        """Where each message is: place -> numbers; and what mtaq counts is what is there."""
        places = {"delivered": [], "bounced": []}
        for data in self.sink.accepted:
            places["delivered"] += whole_bodies(data, self.complaints, "sink")
        for name in os.listdir(self.mail):
            places["bounced"] += self.bodies(os.path.join(self.mail, name))
        by_id = {"queued": self.queued(self.queue), "moved": self.queued(self.other), "trashed": self.in_trash()}
        for place, ids in by_id.items():
            places[place] = [n for numbers in ids.values() for n in numbers]
        return places, by_id

    def balance(self, places):
        """Messages that are nowhere or in two places."""
        where = collections.defaultdict(list)
        for place, numbers in places.items():
            for n in numbers:
                where[n].append(place)
        everybody = range(len(self.submitter.domains))
        wrong = [f"u{n}@{self.submitter.domains[n]} is {' and '.join(where[n]) or 'lost'}"
                 for n in everybody if len(where[n]) != 1]
        return wrong + [f"{n} was never sent" for n in where if n >= len(everybody)]

    def wrong_ends(self, places):
        """Messages that ended as their recipients do not."""
        domain = self.submitter.domains
        wrong = [f"u{n} delivered to {domain[n]}" for n in places["delivered"] if domain[n] in ("later", "never")]
        return wrong + [f"u{n} is refused, and still tried" for n in self.tried_again if domain[n] == "never"]

    def expired_still_there(self):
        """After the last run nothing that is to be given up may be queued."""
        found = []
        self.tried_again = []
        for name in os.listdir(self.queue):
            if name.startswith("qf"):
                with open(os.path.join(self.queue, name), "rb") as f:
                    control = f.read()
                self.tried_again += [int(n) for n in re.findall(rb"^R[A-Z]*:<?u(\d+)@", control, re.M)]
                created = re.search(rb"^T(\d+)$", control, re.M)
                if not created or int(created.group(1)) < time.time() - 86400:
                    found.append(f"{name} is expired, and still queued")
        return found

    def come_back(self, by_id):
        """Messages once seen without data that are somewhere now."""
        return [f"{folder}/{name} was seen without data, and is {place}" for folder, name in self.observer.bare
                for place, ids in by_id.items() if name[2:] in ids]


class Tap:
    """The results."""

    def __init__(self):
        self.count = 0
        self.failed = 0

    def none(self, name, found):
        """No complaints."""
        self.count += 1
        self.failed += bool(found)
        print(f"{'not ' if found else ''}ok {self.count} - {name}")
        for line in sorted(set(found))[:30]:
            print("#", str(line).replace("\n", " | "))

    def end(self):
        """The plan; the exit status."""
        print(f"1..{self.count}")
        return self.failed != 0


def least(what, count, wanted):
    """A complaint when there was too little of something for the test to mean anything."""
    return [] if count >= wanted else [f"only {count} {what}, not {wanted}"]


def main():
    world, program, port, seed, seconds = sys.argv[1:]
    seed = int(seed) if seed else random.SystemRandom().randrange(1 << 32)
    print(f"# seed {seed}: LOAD_SEED={seed} makes the same choices again", flush=True)
    load = Load(world, program, int(port), seed, float(seconds))
    tap = Tap()
    load.fill()
    start = [n for n in os.listdir(load.queue) if n.startswith("qf")]
    tap.none("500 messages are deferred at the start", least("messages", len(start), 500))
    load.work()
    expired = load.expired_still_there()
    places, by_id = load.account()
    tap.none("each message is delivered, bounced, moved, trashed or queued, once", load.balance(places))
    tap.none("all bodies are whole, nothing is left over, every command did well", load.complaints)
    tap.none("no control file stays without its data, none is given up", load.observer.complaints)
    tap.none("none that was seen without data is there again", load.come_back(by_id))
    tap.none("what mtaq says is deleted is what is in the trash",
             set(load.deleted) ^ set(by_id["trashed"]) | {i for i in load.deleted if load.deleted.count(i) > 1})
    tap.none("what mtaq says is moved is what is in the other directory",
             set(i for i, n in load.moved.items() if n) ^ set(by_id["moved"]))
    tap.none("what is expired is given up by the next run", expired)
    tap.none("nothing is delivered that is refused, and nothing refused for good stays", load.wrong_ends(places))
    busy = [f"{what}: {n}" for what, n in sorted(load.told.items())]
    scarce = load.scarce() + [s for place, numbers in places.items() for s in least(place, len(numbers), 1)]
    tap.none("there was something of everything", scarce)
    print(f"# messages: {len(load.submitter.domains)};", ", ".join(f"{p}: {len(n)}" for p, n in places.items()))
    print("# mtaq:", ", ".join(busy))
    print("# runs:", ", ".join(f"{what}: {n}" for what, n in sorted(load.runs.items())))
    print(f"# looked {load.observer.rounds} times at {load.observer.seen} control files,",
          f"{len(load.observer.bare)} seen after their data was gone;",
          f"{sum(d.cut for d in load.observer.folders.values())} listings cut short")
    return tap.end()


sys.exit(main())

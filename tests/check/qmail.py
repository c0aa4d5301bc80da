"""Damaged qmail queues, mended: see qmail.sh."""

import fcntl
import os
import pwd
import random
import re
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

from spool import CHANNELS, FLAT, OSSIFIED, Queue, differences

TMP, MTAQ, TOP = sys.argv[1:4]
SEED = int(os.environ.get("SEED") or random.SystemRandom().randrange(1 << 32))
ROUNDS = int(os.environ.get("ROUNDS") or 8)
KILLS = int(os.environ.get("KILLS") or 3)
CASES = ("basic", "bouncing", "todo", "split1")
ENV = {**os.environ, "MTAQ_TEST": "1", "LC_ALL": "C"}
ROOT = os.geteuid() == 0


class Tap:
    """Results."""

    count = failed = 0

    @classmethod
    def ok(cls, good, name, *why):
        """One result."""
        cls.count += 1
        cls.failed += not good
        print(f"{'' if good else 'not '}ok {cls.count} - {name}")
        for line in () if good else why:
            print("# " + str(line).replace("\n", "\n# ")[:4000])
        sys.stdout.flush()


def mtaq(queue, *words, home, wrapper=()):
    """Run it: status, lines, errors."""
    command = [*wrapper, MTAQ, "--journal", f"{home}/journal", "--trash", f"{home}/trash",
               "-q", f"qmail:{queue.path}", *words]
    done = subprocess.run(command, env=ENV, capture_output=True, check=False)
    return done.returncode, done.stdout.decode("utf-8", "replace").splitlines(), done.stderr.decode("utf-8", "replace")


def mended(status, err):
    """All was mended; that the queue looked odd when it was opened is no matter."""
    last = (err.splitlines() or [""])[-1]
    return status in (0, 1) and re.fullmatch(r"mtaq: (\d+) (finding|repair)s?: \1 (repaired|undone)", last) is not None


def runs(home):
    """Ids of the runs in the journal, in their order."""
    found = sorted(Path(home, "journal").glob("*.jsonl"), key=lambda p: p.stat().st_mtime_ns)
    return [p.stem for p in found]


def fresh(case, name):
    """A recorded queue under its own numbers, without damage."""
    home = f"{TMP}/{name}"
    os.mkdir(home)
    archive = next(Path(TOP, "fixtures/qmail").glob(f"{case}.tar*"))
    subprocess.run(["tar", "--warning=no-timestamp", "-C", home, "-xpf", archive], check=True)
    queue = Queue(f"{home}/queue")
    queue.renumber()
    return home, queue


# --- damage: each does one thing to one message or place and gives the codes of which one must be told


def stale_bounce(q, rng, taken):
    n = q.unused(rng)
    q.write("bounce", n, b"<old@example.org>:\nold\n")
    return {"stale-bounce"}


def orphan_channel(q, rng, taken):
    q.write(rng.choice(CHANNELS), q.unused(rng), b"Told@example.org\0")
    return {"orphan-recipients"}


def orphan_intd(q, rng, taken):
    q.write("intd", q.unused(rng), b"u1\0p1\0F\0")
    return {"orphan-intd"}


def dead_incoming(q, rng, taken):
    taken.add(q.incoming(rng, time.time() - OSSIFIED - 1000))
    return {"dead-incoming"}


def lost_mess(q, rng, taken):
    n = q.pick(rng, taken)
    q.put_aside("mess", n)
    return {"todo-without-mess" if q.has("todo", n) else "info-without-mess"}


def info_bytes(q, rng, taken):
    n = q.pick(rng, taken | q.numbers("todo"), "info")
    taken.add(n)
    path = q.file("info", n)
    text = path.read_bytes()
    q.overwrite(path, rng.choice([b"", text[:-1], b"X" + text[1:], text + b"rest", text + b"Fx\0"]))
    return {"info-damaged", "info-tail"}


def channel_bytes(q, rng, taken):
    new = q.numbers("todo")
    role = rng.choice([r for r in CHANNELS if q.whole(r) - taken - new])
    n = q.pick(rng, taken | new, role)
    taken.add(n)
    path = q.file(role, n)
    text = path.read_bytes()
    at = rng.choice([0] + [i + 1 for i, b in enumerate(text[:-1]) if b == 0])
    damaged = [text[:-1], text[:at] + b"Q" + text[at + 1:], text + b"Tlast@example.org", text + b"T", text + b"junk\0"]
    q.overwrite(path, rng.choice(damaged))
    return {"recipients-damaged"}


def todo_bytes(q, rng, taken):
    n = q.pick(rng, taken, "todo")
    path = q.file("todo", n)
    text = path.read_bytes()
    f = text.index(b"F")
    q.overwrite(path, rng.choice([text[:-1], text + b"Tx@y", text[:f] + b"Z" + text[f + 1:], text + b"Q\0", text + b"Fa@b\0"]))
    return {"todo-damaged"}


def odd_type(q, rng, taken):
    n = q.pick(rng, taken)
    roles = ("mess", "todo") if q.has("todo", n) else ("mess", "info", "local", "remote")
    role = rng.choice([r for r in roles if q.has(r, n)])
    path = q.file(role, n)
    if role == "todo":
        os.unlink(path)
    else:
        q.put_aside(role, n)
    rng.choice([lambda: os.mkfifo(path), lambda: os.symlink("../../nowhere", path), lambda: os.mkdir(path)])()
    return {"recipients-not-a-file" if role in CHANNELS else f"{role}-not-a-file"}


def exchange(q, rng, taken):
    """Numbers of some messages go round."""
    free = sorted(q.whole() - taken)
    count = rng.randint(1, min(4, len(free)))
    chosen = rng.sample(free, count)
    to = chosen[1:] + chosen[:1] if count > 1 and rng.random() < 0.7 else chosen[1:] + [q.unused(rng)]
    taken.update(chosen + to)
    q.rename_all(dict(zip(chosen, to)))
    return {"number-not-inode"}


def wrong_directory(q, rng, taken):
    if q.split == 1:
        return stray(q, rng, taken)
    n = q.pick(rng, taken)
    there = [r for r in ("mess", "info", "local", "remote") if q.has(r, n)]
    d = rng.choice([d for d in range(q.split) if d != n % q.split])
    for role in rng.sample(there, rng.randint(1, len(there))):
        os.rename(q.file(role, n), q.path / role / str(d) / str(n))
    return {"wrong-directory"}


def second_info(q, rng, taken):
    if q.split == 1:
        return stray(q, rng, taken)
    n = q.pick(rng, taken, "info")
    shutil.copy2(q.file("info", n), q.path / "info" / str((n + 1) % q.split) / str(n))
    return {"second-info"}


def rights(q, rng, taken):
    n = q.pick(rng, taken)
    roles = ("mess", "todo") if q.has("todo", n) else ("mess", "info", "local", "remote")
    role = rng.choice([r for r in roles if q.has(r, n)])
    if ROOT and rng.random() < 0.5:
        os.chown(q.file(role, n), 12345, -1)
        return {"wrong-owner"}
    os.chmod(q.file(role, n), rng.choice([0o400, 0o666, 0o640, 0o700]))
    return {"wrong-mode", "open-mode"}


def directory_rights(q, rng, taken):
    directory = q.path / rng.choice(["mess", "info", "local", "remote"]) / str(rng.randrange(q.split))
    os.chmod(directory, rng.choice([0o777, 0o500 if ROOT else 0o740, 0o770]))
    taken.add(directory)
    return {"wrong-mode", "open-mode"}


def missing_directory(q, rng, taken):
    """One of those that qmail has, not one that other damage has made or that is damage itself.

    One that messages have files in is another matter: moved_away().
    """
    roles = ("mess", "info", "local", "remote")
    unused = [d for d in range(q.split) if not any(any((q.path / r / str(d)).glob("*")) for r in roles)
              and not any(n % q.split == d for r in FLAT for n in q.numbers(r))]
    split = [q.path / r / str(d) for r in roles for d in unused]
    empty = [d for d in split if d.is_dir() and d not in taken]
    if not empty:
        return stray(q, rng, taken)
    rng.choice(sorted(empty)).rmdir()
    return {"directory-missing"}


def extra_directory(q, rng, taken):
    (q.path / rng.choice(["mess", "info"]) / str(q.split + rng.randrange(3))).mkdir(exist_ok=True)
    return {"extra-directory"}


def stray(q, rng, taken):
    name = rng.choice(["core", "12x", "+12", "name with space", "esc\x1b[31m", "1.bak", "\u00e9", "-1"])
    directory = rng.choice([q.path / "mess/0", q.path / "info/0", q.path / "local/0", q.path / "todo", q.path / "bounce"])
    (directory / name).write_bytes(b"stray")
    return {"stray"}


def other_number(q, rng, taken):
    n = rng.choice(sorted(q.numbers("info") or {5}))
    (q.path / "info/0" / rng.choice([f"0{n}", str(n + (1 << 64))])).write_bytes(b"F\0")
    return {"name-of-other-number"}


def trigger(q, rng, taken):
    path = q.path / "lock/trigger"
    kind = rng.randrange(3)
    if kind == 0:
        os.chmod(path, 0o600)
        return {"trigger-closed"}
    os.unlink(path)
    if kind == 1:
        path.write_bytes(b"")
    return {"trigger-missing"}


def tcpto(q, rng, taken):
    path = q.path / "lock/tcpto"
    if rng.random() < 0.5:
        os.truncate(path, 32)
        return {"tcpto-size"}
    os.unlink(path)
    return {"tcpto-missing"}


def dead_pid(q, rng, taken):
    path = q.path / f"pid/{rng.randrange(1 << 20)}.17.1"
    path.write_bytes(b"")
    old = time.time() - OSSIFIED - 1000
    os.utime(path, (old, old))
    return {"dead-pid"}


DAMAGE = (stale_bounce, orphan_channel, orphan_intd, dead_incoming, lost_mess, info_bytes, channel_bytes, todo_bytes, odd_type,
          exchange, wrong_directory, second_info, rights, directory_rights, missing_directory, extra_directory, stray,
          other_number, trigger, tcpto, dead_pid)
ONCE = {trigger, tcpto, extra_directory}


def possible(kind, q, taken):
    """Is there a message left for it."""
    need = {info_bytes: "info", todo_bytes: "todo", second_info: "info"}.get(kind)
    if kind is channel_bytes:
        return any(q.whole(r) - taken - q.numbers("todo") for r in CHANNELS)
    if kind in (lost_mess, odd_type, exchange, wrong_directory, rights):
        need = "mess"
    if kind in (info_bytes, second_info, channel_bytes):
        taken = taken | q.numbers("todo")
    return need is None or bool(q.whole(need) - taken)


def damage(q, rng):
    """Some of it: what must be told, a set of codes for each, and the numbers that were touched."""
    expected, taken = [], set()
    # a directory goes when nobody else puts anything into it
    for kind in sorted(rng.sample(DAMAGE, rng.randint(1, 7)), key=lambda k: k is missing_directory):
        for _ in range(1 if kind in ONCE else rng.randint(1, 2)):
            if possible(kind, q, taken):
                expected.append((kind.__name__, kind(q, rng, taken)))
    if not expected:
        expected.append(("stray", stray(q, rng, taken)))
    return expected, taken


def told(lines):
    """The codes of the findings."""
    return [line.split()[1] for line in lines]


def one_round(i):
    """Damage, find, mend, look again, take back."""
    rng = random.Random(f"{SEED}.{i}")
    case = rng.choice(CASES)
    home, q = fresh(case, f"r{i}")
    name = f"round {i} ({case})"
    good = q.messages()
    status, lines, err = mtaq(q, "check", home=home)
    Tap.ok(status == 0 and not lines, f"{name}: nothing is wrong with a good queue", status, lines, err)
    expected, taken = damage(q, rng)
    what = ", ".join(k for k, _ in expected)
    before = q.tree()
    untouched = {n: m for n, m in q.messages().items() if n not in taken and good.get(n) == m}

    status, lines, err = mtaq(q, "check", home=home)
    codes = told(lines)
    missing = [k for k, any_of in expected if not any_of & set(codes)]
    Tap.ok(status == 1 and not missing, f"{name}: check finds {what}", missing, lines, err)
    Tap.ok(q.tree() == before, f"{name}: check changes nothing")
    status, lines, err = mtaq(q, "check", "--repair", "-n", home=home)
    Tap.ok(q.tree() == before and not Path(home, "trash").exists() and not Path(home, "journal").exists(),
           f"{name}: a dry run changes nothing", *differences(before, q.tree()))

    status, lines, err = mtaq(q, "check", "--repair", "--no-syslog", home=home)
    Tap.ok(mended(status, err), f"{name}: repair mends all of it", status, lines, err)
    status, lines, err = mtaq(q, "check", home=home)
    Tap.ok(status == 0 and not lines, f"{name}: a second check finds nothing", status, lines, err)
    complaints = q.complaints()
    Tap.ok(not complaints, f"{name}: every message is in a state that qmail knows", *complaints)
    now = q.messages()
    changed = [n for n, m in untouched.items() if now.get(n) != m]
    Tap.ok(not changed, f"{name}: nothing else changes by a byte", what, changed)
    lost = [b for b in set(m["body"] for m in good.values()) - set(m["body"] for m in now.values())
            if b not in q.bodies(Path(home, "trash"))]
    Tap.ok(len(lost) <= sum(k in ("lost_mess", "odd_type") for k, _ in expected) * 2,
           f"{name}: what left the queue is in the trash", lost)

    after = q.tree()
    status, lines, err = mtaq(q, "undo", "--no-syslog", runs(home)[-1], home=home)
    Tap.ok(mended(status, err) and q.tree() == before, f"{name}: undo brings the damage back", status, err,
           *differences(before, q.tree()))
    status, lines, err = mtaq(q, "undo", "--no-syslog", runs(home)[-1], home=home)
    Tap.ok(mended(status, err) and q.tree() == after, f"{name}: an undo is undone", status, err, *differences(after, q.tree()))
    shutil.rmtree(home)


# --- killed


def clean_up(q):
    """What qmail-send does at its start to what is no message, everything being old enough for it; and to what has no
    recipients any more."""
    for n in q.numbers("mess") - q.numbers("info") - q.numbers("todo"):
        for role in ("intd", "mess"):
            q.file(role, n).unlink(missing_ok=True)
    for n in q.numbers("info") - q.numbers("todo"):
        if not any(q.has(r, n) for r in CHANNELS):
            for role in ("bounce", "info", "mess"):
                q.file(role, n).unlink(missing_ok=True)


def killed_before(q, home, call, nth):
    """Repair, killed before the nth system call of this name: False when there is no such call."""
    inject = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={nth}"]
    status, _, _ = mtaq(q, "check", "--repair", "--no-syslog", home=home, wrapper=inject)
    return status in (-9, 137)


def content(q):
    """What must be there once and whole, however it is called."""
    return sorted((m["body"], m["info"], m["local"], m["remote"], m["todo"], m["bounce"]) for m in q.messages().values())


def kill_everywhere(name, case, spoil):
    """All points at which a name changes."""
    points, rng = 0, random.Random(f"{SEED}.{name}")
    for call in ("linkat", "renameat", "renameat2", "unlinkat"):
        nth = 0
        while nth < 200:
            # at the first one, so that chance does not pass over a call that is made a few times only
            nth += 1 if KILLS == 1 or nth == 0 else rng.randint(1, 2 * KILLS - 1)
            home, q = fresh(case, "kill")
            q.forget_ended()
            whole = content(q)
            spoil(q)
            was_killed = killed_before(q, home, call, nth)
            if was_killed:
                points += 1
                visible = [c for c in q.complaints(numbers=False, hidden=True)]
                clean_up(q)
                status, lines, err = mtaq(q, "check", "--repair", "--no-syslog", home=home)
                same = content(q) == whole
                bad = q.complaints()
                if visible or not same or bad or not mended(status, err):
                    Tap.ok(False, f"{name}: killed before {call} {nth}", visible, bad, status, lines, err,
                           *[x for x in whole if x not in content(q)], *[x for x in content(q) if x not in whole])
            shutil.rmtree(home)
            if not was_killed:
                break
    Tap.ok(points > 0, f"{name}: killed at {points} points, and finished each time by the same command")


def cycle(q):
    """Three go round, and two more in a chain."""
    a, b, c, d, e = sorted(q.numbers("mess"))[:5]
    q.rename_all({a: b, b: c, c: a, d: e, e: 999999})


def scattered(q):
    """A message of each kind in wrong directories."""
    for n in sorted(q.numbers("info"))[:2]:
        for role in ("info", "local", "remote", "mess"):
            if q.has(role, n):
                os.rename(q.file(role, n), q.path / role / str((n + 3) % q.split) / str(n))


def killed():
    """Under strace."""
    probe = subprocess.run(["strace", "-qq", "-o", "/dev/null", "true"], capture_output=True, check=False)
    if probe.returncode != 0:
        Tap.count += 1
        print(f"ok {Tap.count} - killed repairs # SKIP no strace")
        return
    kill_everywhere("numbers that go round", "bouncing", cycle)
    kill_everywhere("new messages", "todo", lambda q: q.rename_all(q.round_of("todo")))
    kill_everywhere("wrong directories", "bouncing", scattered)


# --- beside qmail-send, and young files


def live():
    """What has to wait while qmail-send runs, and what has not."""
    home, q = fresh("basic", "live")
    rng = random.Random(SEED)
    stale_bounce(q, rng, set())
    stray(q, rng, set())
    with open(q.path / "lock/sendmutex", "r+b") as mutex:
        fcntl.flock(mutex, fcntl.LOCK_EX)
        status, lines, err = mtaq(q, "check", "--repair", "--no-syslog", home=home)
        Tap.ok(status == 1 and any("(stray)" in x for x in lines), "beside qmail-send a stray file goes", lines, err)
        status, lines, err = mtaq(q, "check", home=home)
        Tap.ok(told(lines) == ["stale-bounce"], "beside qmail-send what it may use stays", lines, err)
    status, lines, err = mtaq(q, "check", "--repair", "--no-syslog", home=home)
    Tap.ok(status == 0, "it goes when qmail-send is stopped", lines, err)


def no_mutex():
    """Without sendmutex nobody knows whether qmail-send runs."""
    home, q = fresh("basic", "mutex")
    os.unlink(q.path / "lock/sendmutex")
    stale_bounce(q, random.Random(SEED), set())
    mtaq(q, "check", "--repair", "--no-syslog", home=home)
    made = stat.S_IMODE(os.stat(q.path / "lock/sendmutex").st_mode)
    Tap.ok(made == 0o600, "sendmutex is made", oct(made))
    status, lines, err = mtaq(q, "check", "--repair", "--no-syslog", home=home)
    Tap.ok(status == 0 and mtaq(q, "check", home=home)[0] == 0, "and then the rest is mended", lines, err)


def hidden_behind():
    """A hidden message whose number others have: what is left over there, and another that has to be renamed too."""
    home, q = fresh("bouncing", "behind")
    whole = content(q)
    a, b, c = sorted(n for n in q.numbers("info") if any(q.has(r, n) for r in CHANNELS))[:3]
    q.hide(a, 111111)
    q.hide(b, 222222)
    q.rename_all({c: b})
    q.write("local", a, b"Tsomebody@else.example.org\0")
    q.write("bounce", a, b"<somebody@else.example.org>:\nno\n")
    status, lines, err = mtaq(q, "check", "--repair", "--no-syslog", home=home)
    Tap.ok(mended(status, err) and not q.complaints() and content(q) == whole,
           "hidden messages come out of hiding, whoever has their numbers", lines, err, q.complaints())


def young():
    """A message that is being written, and a file of a process at work."""
    home, q = fresh("basic", "young")
    q.incoming(random.Random(SEED), time.time() - 3600)
    (q.path / "pid/1.2.3").write_bytes(b"")
    status, lines, err = mtaq(q, "check", home=home)
    Tap.ok(status == 0, "young files are left alone", lines, err)
    for n in q.numbers("mess") - q.numbers("info") - q.numbers("todo"):
        old = time.time() - OSSIFIED - 10
        os.utime(q.file("mess", n), (time.time(), old))
    status, lines, err = mtaq(q, "check", home=home)
    Tap.ok(status == 0, "it is the time of the last reading that counts", lines, err)


def moved_away():
    """A directory that somebody has moved away: what it holds is not lost, and nothing is mended over it."""
    for role in ("mess", "info"):
        home, q = fresh("basic", f"away-{role}")
        d = str(max(range(q.split), key=lambda d: sum(n % q.split == d for n in q.numbers("info"))))
        old = time.time() - OSSIFIED - 1000
        for n in q.numbers("mess"):
            st = os.stat(q.file("mess", n))
            os.utime(q.file("mess", n), ns=(int(old * 10**9), st.st_mtime_ns))
        whole = q.tree()
        os.rename(q.path / role / d, Path(home, "away"))
        before = q.tree()
        for nth in ("once", "twice"):
            status, lines, err = mtaq(q, "check", "--repair", "--no-syslog", home=home)
            Tap.ok(status == 1 and q.tree() == before, f"{role} moved away: nothing is mended over it, {nth}", lines, err,
                   *differences(before, q.tree()))
            Tap.ok(any("bring it back" in x and f"/{role}/{d}:" in x for x in lines)
                   and any(f"/{role}/{d} is missing: bring it back" in x for x in lines),
                   f"{role} moved away: that is said, {nth}", lines, err)
        st = os.stat(q.path / role)
        os.mkdir(q.path / role / d)
        os.chmod(q.path / role / d, stat.S_IMODE(st.st_mode))
        os.chown(q.path / role / d, st.st_uid, st.st_gid)
        status, lines, err = mtaq(q, "check", "-n", "--repair", home=home)
        Tap.ok(any("into the trash" in x for x in lines),
               f"{role} made by hand: then what is left of its messages may go", lines, err)
        os.rmdir(q.path / role / d)
        os.rename(Path(home, "away"), q.path / role / d)
        status, lines, err = mtaq(q, "check", home=home)
        Tap.ok(status == 0 and q.tree() == whole, f"{role} brought back: all is as it was", lines, err)


def owners():
    """Directories that somebody has given to root: nothing of the queue goes with them."""
    if not ROOT:
        Tap.ok(True, "directories given to root # SKIP not root")
        return
    home, q = fresh("basic", "owners")
    whole = q.tree()
    own = {role: os.stat(q.path / role / "0").st_uid for role in ("mess", "info")}
    os.chown(q.path / "info", 0, 0)
    status, lines, err = mtaq(q, "bounce", "--even-silent", "--no-syslog", "ALL", home=home)
    notes = [os.stat(q.file("bounce", n)) for n in q.numbers("bounce")]
    Tap.ok(len(notes) > 5 and {st.st_uid for st in notes} == {own["info"]},
           "info given to root: a note belongs to qmail-send", status, err, {st.st_uid for st in notes})
    mtaq(q, "undo", "--no-syslog", runs(home)[-1], home=home)
    status, lines, err = mtaq(q, "check", "--repair", "--no-syslog", home=home)
    Tap.ok(status == 0 and {k: v[1] for k, v in q.tree().items()} == {k: v[1] for k, v in whole.items()},
           "info given to root: repair gives it back", status, err)
    try:
        users = {"mess": pwd.getpwnam("qmailq").pw_uid, "info": pwd.getpwnam("qmails").pw_uid}
    except KeyError:
        Tap.ok(True, "all directories given to root # SKIP no users of qmail")
        return
    for top, dirs, _ in os.walk(q.path):
        for name in dirs:
            os.chown(os.path.join(top, name), 0, 0)
    status, lines, err = mtaq(q, "check", "--repair", "--no-syslog", home=home)
    got = {k: v[1] for k, v in q.tree().items() if k.partition("/")[0] in users}
    Tap.ok(status == 0 and all(uid == users[k.partition("/")[0]] for k, uid in got.items()),
           "all directories given to root: they go to the users of qmail", status, err)
    Tap.ok(not any(v[1] == 0 for v in q.tree().values()), "and nothing to root", q.tree())


def main():
    """All of it."""
    print(f"# SEED={SEED} ROUNDS={ROUNDS}")
    for i in range(ROUNDS):
        one_round(i)
    live()
    no_mutex()
    young()
    hidden_behind()
    moved_away()
    owners()
    killed()
    print(f"1..{Tap.count}")
    return 1 if Tap.failed else 0


assert set(FLAT) == {"todo", "intd", "bounce"}
sys.exit(main())

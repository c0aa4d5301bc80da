#!/usr/bin/env python3
"""check_damage.py WORLD MTAQ SINK-DIRECTORY PORT LAYOUT SEED: random damage to a good queue of a real sendmail.

Each message gets one kind of damage at most. The check must find each and nothing else; the repair mends it and leaves all
files of other messages as they are, byte for byte; undo gives the damage back; and in the end the real sendmail delivers
every message that can be delivered exactly once, with its whole body. Prints TAP."""
import os
import pathlib
import random
import re
import shutil
import stat
import subprocess
import sys
import time

world, mtaq, sink, port, layout, seed = sys.argv[1:7]
world, sink = pathlib.Path(world), pathlib.Path(sink)
rng = random.Random(int(seed))
spool = world / "spool" / "mqueue"
sm = str(world / "bin" / "sm")
queue = "sendmail:%s,cf=%s" % (spool, world / "cf" / "sendmail.cf")
# later than all that was made now, so that nothing is passed over as young
clock = "@%d" % (time.time() + 3 * 86400)
count = failed = 0


def ok(good, name, why=""):
    global count, failed
    count += 1
    failed += not good
    print("%sok %d - %s" % ("" if good else "not ", count, name))
    if not good and why:
        print("\n".join("# " + line for line in str(why).splitlines()[:40]))
    sys.stdout.flush()


def run(*words):
    return subprocess.run([mtaq, "-q", queue, "--clock", clock, "--journal", str(world / "journal"), "--trash",
                           str(world / "trash"), *words], capture_output=True, text=True, check=False,
                          env=dict(os.environ, MTAQ_TEST="1"))


def body(name):
    return "begin-%s\n%send-%s\n" % (name, "".join("%d\n" % i for i in range(200)), name)


def units():
    return sorted(d for d in spool.iterdir() if d.is_dir()) if layout == "split" else [spool]


def part(unit, which):
    return unit / which if layout == "split" else unit


def submit(name):
    text = "Subject: %s\n\n%s" % (name, body(name))
    subprocess.run([sm, "-odq", "-f", "root@mx.example.test", "%s@example.net" % name], input=text.encode(), check=True)
    for unit in units():
        for qf in part(unit, "qf").glob("qf?*"):
            if "\nH??Subject: %s\n" % name in qf.read_text(errors="replace"):
                return Message(name, unit, qf.name[2:])
    raise SystemExit("Bail out! %s was not queued" % name)


class Message:
    def __init__(self, name, unit, mid):
        self.name, self.unit, self.id = name, unit, mid
        self.damage, self.delivered = None, True
        self.qf, self.df = part(unit, "qf") / ("qf" + mid), part(unit, "df") / ("df" + mid)


# ---- kinds of damage: each gives the codes that are to be found for its id

def other_unit(m):
    return rng.choice([u for u in units() if u != m.unit])


def lost(m):
    m.qf.rename(m.qf.with_name("Qf" + m.id))
    return ["lost"]


def lost_by_mode(m):
    m.qf.chmod(0o660)
    return lost(m)


def bad_mode(m):
    m.qf.chmod(rng.choice([0o620, 0o602, 0o666, 0o662]))
    return ["bad-mode"]


def no_data(m):
    m.df.unlink()
    m.delivered = False
    return ["no-data-file"]


def with_reason(m):
    text = m.qf.read_bytes()
    m.qf.write_bytes(re.sub(rb"^S", b"qsuspicious\nS", text, count=1, flags=re.M))
    m.delivered = False
    return ["reason-not-held"]


def half_held(m):
    text = m.qf.read_bytes()
    hf = m.qf.with_name("hf" + m.id)
    shutil.copy2(m.qf, hf)
    hf.write_bytes(re.sub(rb"^S", b"qsuspicious\nS", text, count=1, flags=re.M))
    m.delivered = False
    return ["two-control-files"]


def lost_and_queued(m):
    shutil.copy2(m.qf, m.qf.with_name("Qf" + m.id))
    return ["two-control-files"]


def bad_d(m):
    m.qf.write_bytes(re.sub(rb"^S", b"dnowhere\nS", m.qf.read_bytes(), count=1, flags=re.M))
    return ["unknown-data-directory"]


def held_without_reason(m):
    m.qf.rename(m.qf.with_name("hf" + m.id))
    m.delivered = False
    return ["held-without-reason"]


def stale_tf(m):
    part(m.unit, "qf").joinpath("tf" + m.id).write_bytes(m.qf.read_bytes()[:rng.randrange(200)])
    return ["stale-tf"]


def old_tf(m):
    part(m.unit, "qf").joinpath("Tf" + m.id).write_bytes(b"V8\n")
    return ["old-Tf"]


def stale_xf(m):
    part(m.unit, "xf").joinpath("xf" + m.id).write_bytes(b"451 later\n" * rng.randrange(1, 9))
    return ["stale-xf"]


def hard_linked(m):
    os.link(m.qf, m.unit / ("backup-%s" % m.id))
    return ["hard-linked"]


def owner(m):
    os.chown(m.qf, 12345, 12345)
    return ["foreign-owner"]


def data_elsewhere(m):
    m.df.rename(part(other_unit(m), "df") / m.df.name)
    return ["data-file-elsewhere"]


def data_beside(m):
    m.df.rename(m.unit / m.df.name)
    return ["data-file-elsewhere"]


def beside(m):
    m.qf.rename(m.unit / m.qf.name)
    if rng.random() < 0.5:
        m.df.rename(m.unit / m.df.name)
    return ["beside-qf-directory"]


def copied(m):
    to = other_unit(m)
    shutil.copy2(m.qf, part(to, "qf"))
    shutil.copy2(m.df, part(to, "df"))
    return ["duplicate-id"]


def second_data(m):
    shutil.copy2(m.df, part(other_unit(m), "df"))
    return ["data-file-alone"]


KINDS = [lost, lost_by_mode, bad_mode, no_data, with_reason, half_held, lost_and_queued, bad_d, held_without_reason,
         stale_tf, old_tf, stale_xf, hard_linked, owner]
SPLIT_KINDS = [data_elsewhere, data_beside, beside, copied, second_data]


def orphans():
    """What belongs to no message."""
    unit = rng.choice(units())
    part(unit, "df").joinpath("dfzzzzzzzz000001").write_bytes(b"text\n")
    part(unit, "qf").joinpath("qfzzzzzzzz000002").write_bytes(b"")
    part(unit, "df").joinpath("dfzzzzzzzz000002").write_bytes(b"text\n")
    part(unit, "qf").joinpath("qfzzzzzzzz000003").symlink_to("nowhere")
    os.mkfifo(part(unit, "qf").joinpath("qfzzzzzzzz000004"))
    return {("zzzzzzzz000001", "data-file-alone"), ("zzzzzzzz000002", "empty-control-file"),
            ("zzzzzzzz000003", "dangling-link"), ("zzzzzzzz000004", "not-a-file")}


def snapshot():
    files = {}
    for path in sorted(spool.rglob("*")):
        st = path.lstat()
        text = path.read_bytes() if stat.S_ISREG(st.st_mode) else os.readlink(path) if path.is_symlink() else ""
        # a directory's own time says nothing
        when = 0 if stat.S_ISDIR(st.st_mode) else st.st_mtime_ns
        files[str(path.relative_to(spool))] = (stat.filemode(st.st_mode), st.st_uid, st.st_gid, when, text)
    return files


def difference(a, b):
    return sorted(n for n in a.keys() | b.keys() if a.get(n) != b.get(n))


def find():
    result = run("check", "--json")
    found = set(re.findall(r'"code":"([^"]*)".*?"queue_id":"([^"]*)"', result.stdout))
    return result, {(mid, code) for code, mid in found}


def last_run():
    return max((world / "journal").iterdir(), key=lambda p: p.stat().st_mtime_ns).name[:-len(".jsonl")]


def main():
    kinds = KINDS + (SPLIT_KINDS if layout == "split" else [])
    messages = [submit("m%d" % i) for i in range(len(kinds) + 4)]
    good = snapshot()
    result, found = find()
    ok(not found and result.returncode == 0, "a good queue is well", result.stdout + result.stderr)
    rng.shuffle(messages)
    wanted = set()
    for kind, m in zip(kinds, messages):
        m.damage = kind.__name__
        wanted |= {(m.id, code) for code in kind(m)}
    wanted |= orphans()
    damaged = snapshot()
    touched = {m.id for m in messages if m.damage} | {mid for mid, _ in wanted}

    result, found = find()
    ok(found == wanted, "each damage is found, and nothing else",
       "missed %s\ntoo many %s\n%s" % (wanted - found, found - wanted, result.stderr))
    dry = run("check", "--repair", "-n")
    ok(snapshot() == damaged, "a dry run changes nothing")
    result = run("check", "--repair", "--no-syslog")
    ok(result.returncode == 0, "everything is repaired", result.stdout + result.stderr)
    ok(result.stdout == dry.stdout, "as the dry run said", dry.stdout)
    mended = snapshot()
    result, found = find()
    ok(not found and result.returncode == 0, "a second check is clean", result.stdout + result.stderr)
    strange = [n for n in difference(good, mended) if not any(mid in n for mid in touched)]
    ok(not strange, "what was not damaged is the same byte for byte", strange)
    result = run("undo", "--no-syslog", last_run())
    ok(result.returncode == 0 and snapshot() == damaged, "undo gives every damage back",
       result.stderr + str(difference(snapshot(), damaged)))
    result = run("undo", "--no-syslog", last_run())
    ok(result.returncode == 0 and snapshot() == mended, "undo of that mends it again",
       result.stderr + str(difference(snapshot(), mended)))
    deliver(messages)


def deliver(messages):
    taker = subprocess.Popen([sys.executable, os.path.join(os.path.dirname(sys.argv[0]), "sink.py"), str(sink), port])
    try:
        end = time.time() + 20
        while not (sink / "port").exists() and time.time() < end:
            time.sleep(0.05)
        done = subprocess.run([sm, "-qf", "-v"], capture_output=True, text=True, check=False)
    finally:
        taker.terminate()
        taker.wait()
    taken = [p.read_text() for p in sink.iterdir() if p.name.isdigit()]
    for m in sorted(messages, key=lambda m: m.name):
        whole = sum("RCPT %s@example.net\n" % m.name in t and t.endswith("\n" + body(m.name)) for t in taken)
        some = sum("RCPT %s@example.net\n" % m.name in t for t in taken)
        wanted = 1 if m.delivered else 0
        ok(whole == some == wanted, "%s: %s" % (m.damage or "undamaged", "delivered once, whole" if wanted else "not delivered"),
           "%d deliveries, %d of them whole\n%s" % (some, whole, done.stdout[-2000:]))
    left = sorted(p.name for p in spool.rglob("*") if re.match("[qhQTtd]f.", p.name))
    held = sorted(k + m.id for m in messages if not m.delivered and m.damage != "no_data" for k in ("df", "hf"))
    ok(left == held, "what is held is still there, and nothing else", left)


print("# CHECK_SEED=%s, layout %s" % (seed, layout))
main()
print("# %d of %d failed" % (failed, count))
sys.exit(failed != 0)

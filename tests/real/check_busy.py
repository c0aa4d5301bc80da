#!/usr/bin/env python3
"""check_busy.py WORLD MTAQ SINK-DIRECTORY PORT LAYOUT SECONDS: check a queue that a real sendmail works on.

Mail arrives, runners try it, some of it is put off and tried again; meanwhile `check` and `check --repair` run all the time.
Nothing is wrong with the queue at any moment, so nothing may be found, repaired or left; and at the end everything that was
submitted is delivered once or still queued. Prints TAP."""
import os
import pathlib
import subprocess
import sys
import threading
import time

world, mtaq, sink, port, layout, seconds = sys.argv[1:7]
world, sink = pathlib.Path(world), pathlib.Path(sink)
spool = world / "spool" / "mqueue"
sm = str(world / "bin" / "sm")
queue = "sendmail:%s,cf=%s" % (spool, world / "cf" / "sendmail.cf")
end = time.time() + float(seconds)
submitted, stop = [], threading.Event()


def submit(which):
    n = 0
    while not stop.is_set():
        name = "%s%d" % (which, n)
        n += 1
        # every third is put off at each attempt
        to = "later@example.net" if n % 3 == 0 else "%s@example.net" % name
        text = "Subject: %s\n\nbegin-%s\nend-%s\n" % (name, name, name)
        done = subprocess.run([sm, "-odq", "-f", "root@mx.example.test", to], input=text.encode(), check=False)
        if done.returncode == 0:
            submitted.append((name, to))


def deliver():
    while not stop.is_set():
        subprocess.run([sm, "-qf"], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def check(*more):
    return subprocess.run([mtaq, "-q", queue, "--journal", str(world / "busy-journal"), "--trash", str(world / "busy-trash"),
                           "check", *more], capture_output=True, text=True, check=False)


def report(good, number, name, why=""):
    print("%sok %d - %s" % ("" if good else "not ", number, name))
    if not good:
        print("\n".join("# " + line for line in str(why).splitlines()[:40]))
    return not good


def main():
    taker = subprocess.Popen([sys.executable, os.path.join(os.path.dirname(sys.argv[0]), "sink.py"), str(sink), port])
    workers = [threading.Thread(target=submit, args=(w,)) for w in "ab"] + [threading.Thread(target=deliver)] * 1
    for w in workers:
        w.start()
    looks, wrong = 0, []
    # a slow machine takes longer for enough of it
    while time.time() < end or ((looks < 10 or len(submitted) < 10) and time.time() < end + 60):
        for more in ((), ("--repair", "--no-syslog")):
            result = check(*more)
            looks += 1
            if result.returncode or result.stdout:
                wrong.append(result.stdout + result.stderr)
    stop.set()
    for w in workers:
        w.join()
    for _ in range(3):
        subprocess.run([sm, "-qf"], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    taker.terminate()
    taker.wait()
    taken = [p.read_text() for p in sink.iterdir() if p.name.isdigit()]
    queued = [p.read_text(errors="replace") for p in spool.rglob("qf?*") if p.is_file()]
    lost = []
    for name, to in submitted:
        whole = sum("\nSubject: %s\n" % name in t and t.endswith("begin-%s\nend-%s\n" % (name, name)) for t in taken)
        waiting = sum("\nH??Subject: %s\n" % name in t for t in queued)
        if whole + waiting != 1:
            lost.append("%s to %s: %d delivered, %d queued" % (name, to, whole, waiting))
    bad = report(looks >= 10 and len(submitted) >= 10, 1, "%d looks, %d messages" % (looks, len(submitted)))
    bad |= report(not wrong, 2, "nothing was ever found, or repaired", "\n".join(wrong))
    bad |= report(not lost, 3, "each message is delivered once, whole, or queued", "\n".join(lost))
    bad |= report(not (world / "busy-journal").exists(), 4, "and there is no journal")
    sys.exit(bad)


main()

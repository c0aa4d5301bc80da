"""Proves the rows of the table, some at a time; prints TAP. See tests/crash/crash.sh."""

import json
import os
import subprocess
import sys
import tarfile
import threading
import time

import rows
import strace
from planted import Planted
from proof import TOLD, Proof
from qmail import CASES, Qmail
from sendmail import LAYOUTS, Sendmail
from tidy import Tidy

CHECKER = "checker: "
PARTS = ("reference", "order", "kills", "faults", "shorts", "prefixes")


def unpack(source, target):
    """A recorded queue, with its owners and times."""
    os.mkdir(target)
    with tarfile.open(source) as archive:
        if hasattr(tarfile, "fully_trusted_filter"):
            archive.extraction_filter = tarfile.fully_trusted_filter
        archive.extractall(target, numeric_owner=True)
    return target


class Worker:
    """Rows one after the other, in a directory of its own."""

    def __init__(self, scratch, program, srcdir, preload):
        self.scratch = scratch
        self.program = program
        self.fixtures = os.path.join(srcdir, "fixtures")
        self.preload = preload
        self.worlds = {}
        self.root = os.path.join(scratch, "world")
        os.mkdir(self.root)
        for half in ("a", "b"):
            place = os.path.join(self.root, half)
            os.mkdir(place)
            subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "none", place], check=True)

    def world(self, row):
        """The world of a row."""
        kind = row.mta, row.layout
        if kind not in self.worlds:
            if row.mta == "sendmail":
                recorded = unpack(f"{self.fixtures}/sendmail/{row.layout}.tar", f"{self.scratch}/{row.layout}")
                lister = self.lister() if row.layout == "flat" else None
                self.worlds[kind] = Sendmail(self.root, self.program, recorded, lister, LAYOUTS[row.layout])
            else:
                cases = {c: unpack(f"{self.fixtures}/qmail/{c}.tar", f"{self.scratch}/{c}") for c in CASES}
                self.worlds[kind] = Qmail(self.root, self.program, cases)
        return self.worlds[kind]

    def lister(self):
        """Words that run the real sendmail, whose private configuration tests/private-sendmail.sh has made."""
        made = os.environ.get("CRASH_SENDMAIL")
        if not made:
            return None
        if os.path.exists("/etc/hosts"):
            subprocess.run(["mount", "--bind", made + "/cf/hosts", "/etc/hosts"], check=True)
        subprocess.run(["hostname", "mx.example.test"], check=True)
        return [os.environ["SM"], "-C", made + "/cf/sendmail.cf"]

    def prove(self, row, parts, checker):
        """All parts of a row's proof; each a dict. A title that begins with CHECKER is about the checker itself."""
        world = self.world(row)
        tracer = strace.Tracer(world.env, self.root, os.path.join(self.scratch, "strace"), row.asks)
        if checker:
            return [{**p.result(), "seconds": 0} for p in Planted(row, world, tracer).all()]
        proof = (Tidy if row.kind == "tidy" else Proof)(row, world, tracer)
        results = []
        for part in parts:
            begun = time.monotonic()
            method = getattr(proof, part)
            found = (method(self.preload) if part == "shorts" else method()).result()
            found["seconds"] = time.monotonic() - begun
            results.append(found)
            if part == "reference" and found["complaints"]:
                break
        return results

    def serve(self):
        """Names of rows on standard input, results on standard output, a line each."""
        for line in sys.stdin:
            row, parts = json.loads(line)
            try:
                answer = self.prove(rows.named(row.removeprefix(CHECKER)), parts, row.startswith(CHECKER))
            except Exception as e:  # whatever it is, it is this row's failure
                import traceback

                answer = [{"name": "the proof itself", "unit": "", "count": 0, "complaints": [traceback.format_exc()], "seconds": 0}]
            print(json.dumps(answer), flush=True)


class Pool:
    """Workers, each in a mount namespace of its own, that take rows as they come free."""

    def __init__(self, count, arguments):
        self.count = count
        self.arguments = arguments
        self.lock = threading.Lock()

    def run(self, tasks, told):
        """`told` is called with each row's name and results, one at a time."""
        waiting = list(tasks)
        threads = [threading.Thread(target=self.feed, args=(k, waiting, told)) for k in range(self.count)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()

    def feed(self, k, waiting, told):
        """One worker, from its start to the last row."""
        argv = ["unshare", "--uts", "--pid", "--fork", "--mount-proc", "--propagation", "private", sys.executable, "-B", __file__, "worker", str(k)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        with subprocess.Popen(argv + self.arguments, **pipes) as worker:
            while True:
                with self.lock:
                    if not waiting:
                        break
                    task = waiting.pop(0)
                print(json.dumps(task), file=worker.stdin, flush=True)
                line = worker.stdout.readline()
                with self.lock:
                    told(task[0], json.loads(line) if line else None)
                if not line:
                    break
            worker.stdin.close()


def choose(words, titles):
    """The rows that are meant: a whole title with _ for blanks, else all that have the word in their titles."""
    found = []
    for word in words:
        whole = [t for t in titles if t.replace(" ", "_") == word]
        found += whole or [t for t in titles if word in t]
    return [t for t in titles if t in found] if words else titles


class Tap:
    """Lines for the test driver."""

    def __init__(self):
        self.count = 0
        self.failed = 0
        self.sums = {}

    def line(self, good, text):
        """One test."""
        self.count += 1
        self.failed += not good
        print(f"{'' if good else 'not '}ok {self.count} - {text}", flush=True)

    def row(self, name, results):
        """What came of a row."""
        if results is None:
            self.line(False, f"{name}: the prover died")
            return
        for r in results:
            text = f"{name}: {r['name']}, {r['count']} {r['unit']} ({r['seconds']:.1f} s)"
            self.line(not r["complaints"], text)
            self.sums[r["unit"]] = self.sums.get(r["unit"], 0) + r["count"]
            for c in r["complaints"][:TOLD]:
                print("# " + c.replace("\n", "\n# ")[:1500])
            if len(r["complaints"]) > TOLD:
                print(f"# ... and {len(r['complaints']) - TOLD} more")

    def end(self):
        """The plan, and the sums."""
        print("# " + ", ".join(f"{n} {unit}" for unit, n in self.sums.items() if unit))
        print(f"1..{self.count}")
        return 1 if self.failed else 0


def main(argv):
    """run.py SCRATCH PROGRAM SRCDIR PRELOAD [ROW | =PART]...; run.py worker K SCRATCH ..."""
    os.umask(0o022)
    if argv[0] == "worker":
        scratch = os.path.join(argv[2], "worker" + argv[1])
        os.mkdir(scratch)
        Worker(scratch, *argv[3:6]).serve()
        return 0
    chosen = [a for a in argv[4:] if not a.startswith("=")]
    parts = [p for p in PARTS if p == "reference" or "=" + p in argv] if any(a.startswith("=") for a in argv) else PARTS
    titles = [r.title for r in rows.ROWS] + [CHECKER + r.title for r in rows.ROWS if r.checked]
    wanted = choose(chosen, titles)
    tap = Tap()
    jobs = min(int(os.environ.get("CRASH_JOBS", os.cpu_count() or 1)), 4, len(wanted))
    Pool(jobs, argv[:4]).run([(t, parts) for t in wanted], tap.row)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

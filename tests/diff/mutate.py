"""usage: mutate.py SEED QUEUE SOURCE...: fill QUEUE (emptied first) with control files made from those of the queues SOURCE:
bytes changed, lines doubled, dropped, lengthened, strange values added. Each has a data file and a priority of its own. T, P and
what stands before them is left alone: sendmail takes the order of the list from it, in ways that only it needs."""
import glob, os, random, shutil, sys

seed, queue, sources = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
r = random.Random(seed)
texts = []
for source in sorted(sources):
    for name in sorted(glob.glob(source + "/[qhQ]f*")):
        if os.path.isfile(name) and not os.path.islink(name):
            with open(name, "rb") as f:
                texts.append(f.read())
# without a control file's first lines there is nothing to list
texts = [t for t in texts if b"\nP" in t and b"\nT" in b"\n" + t]

NUMBERS = [b"0", b"-1", b" 17", b"+5", b"abc", b"12abc", b"", b"9" * 20, b"-" + b"9" * 20, b"4294967296", b"0x10", b"2"]
LENGTHS = [0, 1, 5, 30, 38, 39, 40, 60, 61, 64, 65, 71, 72, 78, 79, 100, 101, 300, 2040, 2047, 2048, 5000]
ALPHABETS = [b"abcdefgh@.<>", bytes(range(1, 256)).replace(b"\n", b""), b"\\", b"\xc3\xa9x", b"a\\\x07",
             bytes(range(256)).replace(b"\n", b"")]
CODES = [b"S", b"R", b"RPFD:", b"M", b"q", b"B", b"C", b"F", b"H", b"R:", b"Q", b"r", b"A", b"Z", b"d", b"D", b"I", b"$",
         b"!", b"Y", b"G", b"", b" ", b"\t"]


def text():
    alphabet = r.choice(ALPHABETS)
    return bytes(r.choice(alphabet) for _ in range(r.choice(LENGTHS)))


def mutate(lines):
    i = r.randrange(len(lines))
    kind = r.randrange(8)
    if kind == 0 and lines[i]:
        j = r.randrange(len(lines[i]))
        lines[i] = lines[i][:j] + bytes([r.randrange(256)]) + lines[i][j + 1:]
    elif kind == 1:
        del lines[i]
    elif kind == 2:
        lines.insert(i, lines[r.randrange(len(lines))])
    elif kind == 3:
        lines.insert(i, r.choice([b"V", b"K", b"N"]) + r.choice(NUMBERS))
    elif kind in (4, 5):
        lines.insert(i, r.choice(CODES) + text())
    elif kind == 6:
        lines[i] += b"\r"
    else:
        lines[i] += text()
    return lines or [b""]


shutil.rmtree(queue)
os.mkdir(queue, 0o700)
for k in range(40):
    lines = r.choice(texts).split(b"\n")
    last = max(next(i for i, line in enumerate(lines) if line[:1] == code) for code in (b"P", b"T")) + 1
    head = [b"P%d" % (k + 1000) if line[:1] == b"P" else line for line in lines[:last]]
    tail = lines[last:] or [b""]
    for _ in range(r.randrange(7)):
        tail = mutate(tail)
    name = "60FA%03dAA%05d" % (k, r.randrange(10 ** 5))
    # a file of its own priority, in no special order of names
    with open("%s/%sf%s" % (queue, r.choice("qqqqqqhQ"), name), "wb") as f:
        f.write(b"\n".join(head + tail))
    os.chmod(f.name, 0o600)
    with open(queue + "/df" + name, "wb") as f:
        f.write(b"x" * r.randrange(2000))

"""usage: messages.py QUEUE OUTDIR: the messages of a flat sendmail queue, each put together from its control and data file
into OUTDIR/ID: a second, naive reading of what `mtaq cat` prints. Return-Path, which sendmail fills in, is left out."""
import os, re, sys

queue, outdir = sys.argv[1:]
for name in os.listdir(queue):
    if name[:2] not in ("qf", "hf", "Qf"):
        continue
    with open(os.path.join(queue, name), "rb") as f:
        lines = f.read().split(b"\n")
    header = []
    for line in lines[: lines.index(b".")]:
        if line.startswith(b"H"):
            header.append(re.sub(rb"^H(\?[^?]*\?)?", b"", line))
        elif line[:1] in (b" ", b"\t") and header:
            header[-1] += b"\n" + line
    header = [re.sub(rb"\xff(.)", rb"\1", h, flags=re.S) for h in header if not h.startswith(b"Return-Path:")]
    with open(os.path.join(queue, "df" + name[2:]), "rb") as f:
        body = f.read()
    with open(os.path.join(outdir, name[2:]), "wb") as f:
        f.write(b"".join(h + b"\n" for h in header) + b"\n" + body)

#!/usr/bin/env python3
"""typed.py SHELL SCRIPT-DIRECTORY MTAQ <LINES: what an interactive shell makes of each line when TAB is pressed after it.

Prints for each line two: the line as it then stands, and all that was offered, sorted, with tabs between.
The shell is a real one on a terminal; fish is asked by its own `complete -C`, which prints what it would offer.
"""
import os
import pty
import select
import subprocess
import sys
import time

shell, scripts, mtaq = sys.argv[1:4]
lines = sys.stdin.read().splitlines()
work = os.environ["tmp"]
log = os.path.join(work, "typed")
os.makedirs(os.path.join(work, "bin"), exist_ok=True)
link = os.path.join(work, "bin", "mtaq")
if not os.path.islink(link):
    os.symlink(mtaq, link)
os.environ["PATH"] = os.path.join(work, "bin") + ":" + os.environ["PATH"]
os.environ["TERM"] = "dumb"
os.environ["HOME"] = work
os.environ["INPUTRC"] = "/dev/null"

BASH = f"""
PS1= PS2= PROMPT_COMMAND=
source '{scripts}/bash/mtaq'
complete -r mtaq
_typed() {{ _mtaq "$@"; printf '%s\\n' "${{COMPREPLY[@]}}" >>'{log}.offered'; }}
complete -F _typed mtaq
_typed_dump() {{ {{ printf '%s\\n' "$READLINE_LINE"; }} >>'{log}'; READLINE_LINE=; }}
bind 'set completion-query-items 0'
bind 'set page-completions off'
bind 'set show-all-if-ambiguous off'
bind -x '"\\C-x\\C-k": _typed_dump'
"""
ZSH = f"""
PS1= PS2= RPS1=
fpath=('{scripts}/zsh' $fpath)
autoload -Uz compinit
compinit -u -D
unset zle_bracketed_paste
unsetopt beep
setopt no_list_beep
LISTMAX=100000
compadd() {{
	local -a _typed_hits
	if [[ "$*" != *-[OAD]* ]]; then
		builtin compadd -O _typed_hits "$@"
		(($#_typed_hits)) && print -rl -- "${{IPREFIX}}"${{^_typed_hits}} >>'{log}.offered'
	fi
	builtin compadd "$@"
}}
_typed_dump() {{ print -r -- "$BUFFER" >>'{log}'; BUFFER= }}
zle -N _typed_dump
bindkey '^X^K' _typed_dump
bindkey '^I' complete-word
"""


def offered():
    """What was offered since the last time, without what comes twice."""
    try:
        with open(log + ".offered", encoding="utf-8") as f:
            words = sorted({w for w in f.read().split("\n") if w})
    except FileNotFoundError:
        words = []
    open(log + ".offered", "w").close()
    return "\t".join(words)


class Terminal:
    """An interactive shell."""

    def __init__(self, argv, setup):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvp(argv[0], argv)
        self.count = 0
        open(log, "w").close()
        start = os.path.join(work, "start." + shell)
        with open(start, "w", encoding="utf-8") as f:
            f.write(setup)
        self.send(f". '{start}'; echo ready >>'{log}'\r")
        self.wait()

    def send(self, text):
        os.write(self.fd, text.encode())

    def wait(self):
        """Until one more line is in the log."""
        self.count += 1
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if select.select([self.fd], [], [], 0.02)[0]:
                try:
                    os.read(self.fd, 65536)
                except OSError:
                    break
            with open(log, encoding="utf-8") as f:
                text = f.read()
            if text.count("\n") >= self.count:
                return text.split("\n")[self.count - 1]
        sys.exit(f"{shell} does not answer")

    def press(self, line):
        self.send(line + "\t" + "\x18\x0b")
        return self.wait()


def ask_fish(line):
    command = f"source '{scripts}/fish/mtaq.fish'; complete -C $argv[1]"
    p = subprocess.run(["fish", "--no-config", "-c", command, line], capture_output=True, check=False)
    sys.stderr.write(p.stderr.decode())
    words = sorted({w.split("\t")[0] for w in p.stdout.decode().splitlines()})
    return "\t".join(words)


if shell == "fish":
    for one in lines:
        print(one)
        print(ask_fish(one))
else:
    if shell == "bash":
        t = Terminal(["bash", "--norc", "--noprofile", "-i"], BASH)
    else:
        t = Terminal(["zsh", "-f", "-i"], ZSH)
    offered()
    for one in lines:
        print(t.press(one))
        print(offered())
    t.send("exit\r")
    os.close(t.fd)
    os.waitpid(t.pid, 0)

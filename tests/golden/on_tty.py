"""usage: on_tty.py COLUMNS COMMAND...: run it with a terminal of that width as standard output, and print what it
wrote there (line ends as plain newlines). Ends as the command ends."""
import fcntl, os, pty, struct, sys, termios

master, slave = pty.openpty()
fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, int(sys.argv[1]), 0, 0))
pid = os.fork()
if pid == 0:
    os.close(master)
    os.dup2(slave, 1)
    os.close(slave)
    os.execvp(sys.argv[2], sys.argv[2:])
os.close(slave)
data = b""
while True:
    try:
        piece = os.read(master, 65536)
    except OSError:  # how Linux says that nobody is left at the other end
        break
    if not piece:
        break
    data += piece
sys.stdout.buffer.write(data.replace(b"\r\n", b"\n"))
sys.exit(os.waitpid(pid, 0)[1] >> 8)

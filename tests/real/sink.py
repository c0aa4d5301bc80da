#!/usr/bin/env python3
"""sink.py DIR: take all mail on a free port of 127.0.0.1; the port goes to DIR/port.

Each message that was taken is a file in DIR: a line "MAIL <sender>", a line "RCPT <address>" for each recipient that it was
taken for, an empty line, the message. A recipient whose local part is "later" is put off (451), "never" refused (550)."""
import os
import socketserver
import sys
import threading

folder = sys.argv[1]
lock = threading.Lock()
taken = [0]


def store(sender, recipients, lines):
    with lock:
        taken[0] += 1
        name = os.path.join(folder, "%06d" % taken[0])
    head = ["MAIL %s" % sender] + ["RCPT %s" % r for r in recipients] + [""]
    with open(name + ".new", "wb") as f:
        f.write("\n".join(head).encode("latin-1") + b"\n" + b"".join(lines))
    os.rename(name + ".new", name)


class Handler(socketserver.StreamRequestHandler):
    def say(self, text):
        self.wfile.write(text.encode("latin-1") + b"\r\n")

    def data(self):
        lines = []
        while True:
            line = self.rfile.readline()
            if not line:
                return None
            if line.rstrip(b"\r\n") == b".":
                return lines
            lines.append(line.replace(b"\r\n", b"\n").removeprefix(b"."))

    def recipient(self, address):
        if address.startswith("later@"):
            self.say("451 4.2.1 not now")
        elif address.startswith("never@"):
            self.say("550 5.1.1 no such user")
        else:
            self.recipients.append(address)
            self.say("250 2.1.5 ok")

    def handle(self):
        self.sender, self.recipients = "", []
        self.say("220 sink.example.test ESMTP")
        while True:
            line = self.rfile.readline().decode("latin-1").rstrip("\r\n")
            verb = line[:4].upper()
            argument = line.partition(":")[2].split(" ")[0].strip("<>")
            if not line:
                return
            if verb == "EHLO":
                self.say("250-sink.example.test\r\n250-8BITMIME\r\n250 DSN")
            elif verb == "MAIL":
                self.sender, self.recipients = argument, []
                self.say("250 2.1.0 ok")
            elif verb == "RCPT":
                self.recipient(argument)
            elif verb == "DATA":
                self.say("354 go")
                lines = self.data()
                if lines is None:
                    return
                store(self.sender, self.recipients, lines)
                self.say("250 2.0.0 taken")
            elif verb == "QUIT":
                self.say("221 2.0.0 bye")
                return
            else:
                self.say("250 2.0.0 ok")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 100


server = Server(("127.0.0.1", int(sys.argv[2]) if len(sys.argv) > 2 else 0), Handler)
with open(os.path.join(folder, "port.new"), "w", encoding="ascii") as f:
    f.write("%d\n" % server.server_address[1])
os.rename(os.path.join(folder, "port.new"), os.path.join(folder, "port"))
server.serve_forever()

#!/usr/bin/env python3
"""A NATS client that shares no code with anything here: sends lines of the protocol and prints what comes back.

    nats-client.py PORT ROOT [CERTIFICATE KEY] -- LINE...

Each LINE is sent with its end; \\n in it is a line end, for payloads. Prints the lines that arrive until PONG or the end.
"""
import socket
import ssl
import sys

split = sys.argv.index("--")
port, root, *own = sys.argv[1:split]
raw = socket.create_connection(("127.0.0.1", int(port)), timeout=10)
print(raw.recv(4096).decode().split(" ", 1)[0])
context = ssl.create_default_context(cafile=root)
if own:
    context.load_cert_chain(*own)
try:
    client = context.wrap_socket(raw, server_hostname="127.0.0.1")
    client.settimeout(10)
    lines = ['CONNECT {"verbose":false,"pedantic":false,"tls_required":true,"headers":true,"name":"test"}']
    lines += [line.replace("\\n", "\r\n") for line in sys.argv[split + 1:]] + ["PING"]
    client.sendall("".join(line + "\r\n" for line in lines).encode())
    text = ""
    while "PONG" not in text:
        part = client.recv(65536)
        if not part:
            break
        text += part.decode()
    # An answer of JetStream may follow the PONG.
    client.settimeout(2)
    try:
        while "SUB _INBOX" in " ".join(lines) and "\"" not in text:
            text += client.recv(65536).decode()
    except TimeoutError:
        pass
    print(text.replace("\r", ""))
except (ssl.SSLError, OSError) as error:
    print("error:", getattr(error, "reason", None) or error)

#!/usr/bin/env python3
"""A TLS client that shares no code with Quiniela: sends the given frames and prints the answers.

Each step is a frame in hexadecimal, after which one frame is received and printed in hexadecimal; or wait:FILE, which
waits until the file exists; or half, which closes the outgoing side of TCP without close_notify. At the end what comes
after the last answer is printed: "closed" (close_notify), "cut" (without), or "error: REASON".
"""
import argparse
import os
import socket
import ssl
import sys
import time

parser = argparse.ArgumentParser()
parser.add_argument("address")
parser.add_argument("--ca")
parser.add_argument("--cert")
parser.add_argument("--key")
parser.add_argument("--max", default="1.3")
parser.add_argument("--name", default="localhost")
parser.add_argument("--plain", action="store_true")
parser.add_argument("--leave", action="store_true", help="end after the last answer, without waiting for the service")
parser.add_argument("--resume", action="store_true", help="connect twice, the second time with the first one's session")
parser.add_argument("steps", nargs="*")
options = parser.parse_intermixed_args()


def connect(session=None):
    host, port = options.address.rsplit(":", 1)
    raw = socket.create_connection((host, int(port)), timeout=20)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if options.plain:
        return raw
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.maximum_version = ssl.TLSVersion.TLSv1_2 if options.max == "1.2" else ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(options.ca)
    if options.cert:
        context.load_cert_chain(options.cert, options.key)
    return context.wrap_socket(raw, server_hostname=options.name, session=session) if session is None else \
        session[0].wrap_socket(raw, server_hostname=options.name, session=session[1])


def receive(connection, count):
    data = b""
    while len(data) < count:
        part = connection.recv(count - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def frame(connection):
    length = receive(connection, 4)
    return length + receive(connection, int.from_bytes(length, "big"))


def run(connection):
    for step in options.steps:
        if step.startswith("wait:"):
            while not os.path.exists(step[5:]):
                time.sleep(0.01)
        elif step == "half":
            socket.socket.shutdown(connection, socket.SHUT_WR)
        else:
            connection.sendall(bytes.fromhex(step))
            print(frame(connection).hex(), flush=True)


try:
    client = connect()
    if options.resume:
        run(client)
        first = (client.context, client.session)
        client.close()
        client = connect(first)
        print("resumed" if client.session_reused else "not resumed", flush=True)
    run(client)
    if not options.leave:
        print("closed" if not client.recv(1) else "more")
except EOFError:
    print("closed")
except ssl.SSLEOFError:
    print("cut")
except (ssl.SSLError, ConnectionError, TimeoutError) as error:
    print("error:", getattr(error, "reason", None) or error)

#!/usr/bin/env python3
"""Attacks a TLS port: random bytes, mutated ClientHellos, and mutated messages after a handshake. Prints the seed.

usage: foreign-tls-fuzz.py ADDRESS CA CERT KEY SEED COUNT
"""
import random
import socket
import ssl
import struct
import sys

address, ca, cert, key, seed, count = sys.argv[1:]
host, port = address.rsplit(":", 1)
dice = random.Random(int(seed))
print("seed", seed)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.load_verify_locations(ca)
context.load_cert_chain(cert, key)

HELLO = struct.pack(">IBBIBB", 8, 1, 3, 1, 0, 0)
LONG = struct.pack(">IBIH", 0x00FFFFFF, 2, 1, 65535)


def client_hello():
    outgoing = ssl.MemoryBIO()
    connection = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
    try:
        connection.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def mutated(data):
    data = bytearray(data)
    for _ in range(dice.randint(1, 8)):
        kind, at = dice.randrange(4), dice.randrange(len(data)) if data else 0
        if kind == 0 and data:
            data[at] ^= 1 << dice.randrange(8)
        elif kind == 1:
            data[at:at] = dice.randbytes(dice.randint(1, 300))
        elif kind == 2 and data:
            del data[at:at + dice.randint(1, 40)]
        elif data:
            data[at] = dice.choice([0, 1, 0x7F, 0x80, 0xFF])
    return bytes(data)


def attack(kind):
    with socket.create_connection((host, int(port)), timeout=20) as raw:
        raw.settimeout(0.2)
        try:
            if kind == 0:
                raw.sendall(dice.randbytes(dice.randint(1, 2000)))
            elif kind == 1:
                raw.sendall(mutated(client_hello()))
            else:
                raw.settimeout(20)
                connection = context.wrap_socket(raw, server_hostname="localhost")
                connection.settimeout(0.2)
                connection.sendall(HELLO + mutated(dice.choice([HELLO, LONG, HELLO + LONG, LONG + dice.randbytes(3000)])))
                if dice.randrange(2):
                    socket.socket.sendall(connection, dice.randbytes(100))  # below TLS
                connection.recv(4096)
                return
            raw.recv(4096)
        except (OSError, ssl.SSLError):
            pass


for index in range(int(count)):
    attack(index % 3)
print("done", count)

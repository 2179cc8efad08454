#!/usr/bin/env python3
"""A lottery server as solutions of the course are: threads, CSV under a lock, no fsync. Written for the benchmark only.

    course_server.py PORT FILE

A chunk is 4 bytes of length, big-endian, and as many bytes of lines: agency,first name,last name,document,birthdate,number.
It is answered by "ok" and a newline when its bets have been written to the file, that is, handed to the kernel.
"""
import csv
import datetime
import socket
import sys
import threading


class Bet:
    def __init__(self, agency, first_name, last_name, document, birthdate, number):
        self.agency = int(agency)
        self.first_name = first_name
        self.last_name = last_name
        self.document = document
        self.birthdate = datetime.date.fromisoformat(birthdate)
        self.number = int(number)


class Server:
    def __init__(self, port, path):
        self.path = path
        self.lock = threading.Lock()
        self.socket = socket.create_server(("127.0.0.1", port), backlog=1024)

    def run(self):
        while True:
            client, _ = self.socket.accept()
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with client:
            while True:
                header = self.receive(client, 4)
                if header is None:
                    return
                chunk = self.receive(client, int.from_bytes(header, "big"))
                if chunk is None:
                    return
                self.store([Bet(*line.split(",")) for line in chunk.decode().splitlines()])
                client.sendall(b"ok\n")

    def store(self, bets):
        with self.lock, open(self.path, "a", newline="") as file:
            writer = csv.writer(file, quoting=csv.QUOTE_MINIMAL)
            for bet in bets:
                writer.writerow([bet.agency, bet.first_name, bet.last_name, bet.document, bet.birthdate, bet.number])

    def receive(self, client, count):
        """Returns exactly n bytes, or None when the client has disconnected."""
        data = b""
        while len(data) < count:
            part = client.recv(count - len(data))
            if not part:
                return None
            data += part
        return data


if __name__ == "__main__":
    Server(int(sys.argv[1]), sys.argv[2]).run()

import Domain
import Foundation
import Glibc
import Identity
import Platform
import TestKit
import Testing
import WireProtocol

@testable import Pki

/// The cases of docs/security.md over TLS: the real services, and Python with OpenSSL as the client.
struct TLSTests {
    private static func hex(_ message: Message) -> String { hexadecimal(message.encoded) }

    static func hexadecimal(_ bytes: [UInt8]) -> String {
        bytes.map { String(UInt16($0) + 256, radix: 16).dropFirst() }.joined()
    }

    private static func hello(_ agency: UInt32, token: String = "") -> String {
        hex(.hello(Hello(agency: AgencyID(agency), token: token)))
    }

    private static func chunk(_ agency: Int, _ sequence: UInt32, isLast: Bool = false) -> String {
        hex(.chunk(Samples.chunk(agency: agency, sequence: sequence, isLast: isLast)))
    }

    private static func message(_ line: String?) throws -> Message {
        let digits = Array(try #require(line).utf8)
        let bytes = try stride(from: 0, to: digits.count, by: 2).map {
            try #require(UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16), "\(line ?? "")")
        }
        return try Message(frame: Array(bytes.dropFirst(4)))
    }

    private static let denied = hex(.error(.notAuthorized, EntryFault.answer))

    static func isWelcome(_ line: String?) throws -> Bool {
        if case .welcome = try message(line) { true } else { false }
    }

    @Test("foreign clients with their keys, ECDSA and Ed25519, send, finish and get their winners")
    func foreignClients() throws {
        let tls = try TLSServices(agencies: [1], settings: ["draw.winningNumber=0"])
        // The key of agency 2 is made by OpenSSL and never seen by pki.
        let request = try ShellScript(
            "openssl req -new -newkey ed25519 -noenc -subj /CN=agency-2 -keyout pki/agency-2.key -out 2.csr",
            in: tls.folder)
        #expect(request.code == 0, "\(request.errors)")
        let line = try TLSServices.pki(["sign", "2.csr"], tls.folder).split(separator: "\n")[0]
        // It is not one of the draw's agencies, because the draw is open: it is let in, and no further.
        try tls.guarded.replace([try tls.line(1), String(line)])
        let second = try tls.ask("agency-2", [Self.hello(2)])
        #expect(
            try Self.message(second.first)
                == .error(.unknownAgency, "there is no agency 2; the agencies of this draw are 1 to 1"))
        let answers = try tls.ask(
            "agency-1", [Self.hello(1), Self.chunk(1, 1), Self.chunk(1, 2, isLast: true)], options: ["--leave"])
        #expect(try Self.isWelcome(answers.first) && answers.count == 3, "\(answers)")
        #expect(try tls.services.command("status", ["--output", "json"]).output.contains("\"certificateEnd\":\"20"))
        try tls.services.ingest.waitForLog("action: publish")
        let winners = try tls.ask(
            "agency-1", winners: true, [Self.hello(1), Self.hex(.consultWinners(waitMilliseconds: 30_000))],
            options: ["--leave"])
        guard case .winners = try Self.message(winners.last) else { throw TestSocket.Failure.closed }
        try tls.services.stop()
    }

    @Test("plain TCP to a TLS port and TLS to a plain port learn nothing, and are logged")
    func plainAndTLS() throws {
        let tls = try TLSServices(agencies: [1])
        for address in [tls.services.ingestAddress, tls.services.winnersAddress] {
            let socket = try TestSocket(address)
            try socket.send(.hello(Hello(agency: AgencyID(1))))
            #expect(try !socket.receiveToEnd().starts(with: [0, 0]))
        }
        for program in [tls.services.ingest, tls.services.winners] {
            let line = try program.waitForLog("action: authorize | result: fail")
            #expect(line.contains("TLS: it does not speak TLS"), "\(line)")
        }
        let plain = try Services(agencies: 1)
        let answer = try tls.ask("agency-1", address: "\(plain.ingestAddress)", [Self.hello(1)])
        #expect(answer.count == 1 && answer[0].hasPrefix("error:"), "\(answer)")
        try plain.stop()
        try tls.services.stop()
        #expect(try tls.services.command("events").output.contains("it does not speak TLS"))
    }

    @Test("TLS 1.2 is rejected on both ports", arguments: [false, true])
    func oldVersion(_ isWinners: Bool) throws {
        let tls = try TLSServices(agencies: [1])
        let answer = try tls.ask("agency-1", winners: isWinners, [Self.hello(1)], options: ["--max", "1.2"])
        #expect(answer == ["error: TLSV1_ALERT_PROTOCOL_VERSION"], "\(answer)")
        let program = isWinners ? tls.services.winners : tls.services.ingest
        try program.waitForLog("TLS: it does not speak TLS 1.3")
        try tls.services.stop()
    }

    @Test(
        "certificates of another root, ended ones, those of tomorrow, and keys that the roster does not have are rejected"
    )
    func certificates() throws {
        let tls = try TLSServices(agencies: [1, 2])
        let other = try TemporaryFolder()
        try TLSServices.pki(["init"], other)
        let foreign = try PkiFolder(path: other.path + "/pki").authority()
        try tls.write("foreign", at: Date(), by: foreign)
        try tls.write("ended", at: Date().addingTimeInterval(-100 * 86_400))
        try tls.write("tomorrow", at: Date().addingTimeInterval(86_400))
        try tls.write("unlisted", at: Date())
        for isWinners in [false, true] {
            for name in ["foreign", "ended", "tomorrow"] {
                let answer = try tls.ask(name, winners: isWinners, [Self.hello(1)])
                #expect(answer.count == 1 && answer[0].hasPrefix("error:"), "\(name): \(answer)")
            }
            let program = isWinners ? tls.services.winners : tls.services.ingest
            try program.waitForLog("TLS: its certificate has another root, has ended or is not valid yet", count: 3)
            // In all of these the same: nothing says who exists.
            for (name, agency) in [("unlisted", UInt32(1)), ("agency-2", 1), ("agency-1", 16), ("agency-1", 2)] {
                #expect(try tls.ask(name, winners: isWinners, [Self.hello(agency)]) == [Self.denied, "closed"])
            }
            #expect(try tls.ask(nil, winners: isWinners, [Self.hello(1)]) == [Self.denied, "closed"])
        }
        let status = try tls.services.command("status").output
        #expect(status.contains("0 of 2 agencies finished, 0 bets"), "\(status)")
        try tls.services.stop()
    }

    @Test("an agency that is disabled in mid-stream: its next chunk is rejected, also on a resumed session")
    func disabled() throws {
        let tls = try TLSServices(agencies: [1, 2])
        let mark = tls.folder.path + "/disabled"
        let client = try tls.foreign(
            "agency-1", [Self.hello(1), Self.chunk(1, 1), "wait:\(mark)", Self.chunk(1, 2)])
        try tls.services.ingest.waitForLog("action: apuesta_recibida")
        try tls.guarded.replace([try tls.line(1, ", enabled: false"), try tls.line(2)])
        try "".write(toFile: mark, atomically: true, encoding: .utf8)
        _ = try client.waitForExit()
        let lines = client.standardOutput.split(separator: "\n").map(String.init)
        #expect(lines.count == 4 && lines[2] == Self.denied && lines[3] == "closed", "\(lines)")
        let resumed = try tls.ask("agency-1", [Self.hello(1)], options: ["--resume"])
        #expect(resumed.count { $0 == Self.denied } == 2, "\(resumed)")
        try tls.services.stop()
    }

    @Test("a token is accepted over TLS; on a plain connection from another address it is an error that says why")
    func tokens() throws {
        let tls = try TLSServices(agencies: [1], others: [EntryTests.entry(2, token: "two")])
        let answer = try tls.ask(nil, [Self.hello(2, token: "two")], options: ["--leave"])
        #expect(try Self.isWelcome(answer.first), "\(answer)")
        #expect(try tls.ask(nil, [Self.hello(2, token: "tow")]) == [Self.denied, "closed"])
        try tls.services.stop()
        guard let address = try Self.ownAddress(in: tls.folder) else {
            Issue.record("skipped: this machine has only loopback addresses", severity: .warning)
            return
        }
        let guarded = try EntryTests.Guarded(
            [EntryTests.entry(2, token: "two")], settings: ["log.level=DEBUG"], listen: "0.0.0.0:0")
        let plain = try tls.ask(
            nil, address: "\(address):\(guarded.services.ingestAddress.port)", [Self.hello(2, token: "two")],
            options: ["--plain"])
        guard case .error(.tokenNotAccepted, let text) = try Self.message(plain.first) else {
            throw TestSocket.Failure.closed
        }
        #expect(
            text == "a token is accepted over TLS or from the same machine: on this connection others could read it")
        try guarded.services.stop()
        #expect(!guarded.services.ingest.log.contains("two"))
    }

    /// An address of this machine other than loopback.
    private static func ownAddress(in folder: TemporaryFolder) throws -> String? {
        let script = try ShellScript("hostname -I", in: folder)
        return script.output.split(whereSeparator: \.isWhitespace).first { $0.contains(".") }.map(String.init)
    }

    @Test("a token that is guessed again and again opens nothing, and fills neither log nor events")
    func guesses() throws {
        let isFull = ProcessInfo.processInfo.environment["FAULTS"] == "full"
        let count = isFull ? 1_000_000 : 2000
        let guarded = try EntryTests.Guarded([EntryTests.entry(1, token: "right")])
        let denied = Message.error(.notAuthorized, EntryFault.answer).encoded
        let begin = ContinuousClock.now
        for guess in 0..<count {
            let socket = try TestSocket(
                guess % 2 == 0 ? guarded.services.ingestAddress : guarded.services.winnersAddress)
            try socket.send(.hello(Hello(agency: AgencyID(1), token: "guess-\(guess)")))
            guard try socket.receive(denied.count) == denied else { throw TestSocket.Failure.closed }
            socket.reset()
        }
        let status = try guarded.services.command("status").output
        #expect(status.contains("\(count / 2) peers denied since the start"), "\(status)")
        try guarded.services.stop()
        let lines = guarded.services.ingest.log.split(separator: "\n").count
        let events = try guarded.services.command("events").output.split(separator: "\n").count {
            $0.contains("denied")
        }
        let seconds = Int(begin.duration(to: .now) / .seconds(1))
        #expect(
            lines <= 60 + 21 * seconds && events <= 3 + seconds / 10, "\(lines) lines, \(events) events, \(seconds) s")
    }

    @Test("the roster is replaced 100 times while agencies send over TLS: no connection and no bet is lost")
    func replacedRoster() throws {
        let tls = try TLSServices(agencies: [1, 2, 3])
        let lines = try (1...3).map { try tls.line($0) }
        let bets = 200_000
        let made = try TestProgram(
            "agency", ["dataset", "--bets", "\(bets * 3)", "--agencies", "3", "--seed", "5", "--folder", "big"],
            in: tls.folder.path)
        #expect(try made.waitForExit() == 0, "\(made.log)")
        let agencies = try (1...3).map { agency in
            try TestProgram(
                "agency",
                ["--id", "\(agency)", "--file", "big/agency-\(agency).csv"]
                    + [
                        "ingest.address=localhost:\(tls.services.ingestAddress.port)",
                        "winners.address=localhost:\(tls.services.winnersAddress.port)",
                        "agency.tls.roots=\(tls.pki.certificatePath("root"))", "batch.maxAmount=10",
                        "agency.tls.certificate=\(tls.pki.certificatePath("agency-\(agency)"))",
                        "agency.tls.key=\(tls.pki.keyPath("agency-\(agency)"))",
                    ].flatMap { ["--set", $0] }, in: tls.folder.path)
        }
        for agency in agencies { try agency.waitForLog("action: apuesta_enviada") }
        // winners-service looks at the roster as often as bet-ingest, and logs nothing else meanwhile.
        for round in 1...100 {
            try tls.guarded.write(lines + [EntryTests.entry(99 + round, token: "other", ", enabled: false")])
            try tls.services.winners.waitForLog("action: read_roster | result: success", count: round)
        }
        for agency in agencies {
            #expect(try agency.waitForExit(seconds: 120) == 0, "\(agency.log.suffix(500))")
            #expect(!agency.log.contains("action: connect | result: fail"))
        }
        let status = try tls.services.command("status").output
        #expect(status.contains("3 of 3 agencies finished, \(bets * 3) bets"), "\(status)")
        #expect(status.contains("; 0 peers denied"), "\(status)")
        try tls.services.stop()
    }

    @Test("an end without close_notify and a closed outgoing side lose no answer; a handshake cut off is logged")
    func ends() throws {
        let tls = try TLSServices(agencies: [1, 2])
        // TCP is half closed without close_notify: the chunk was received whole, and its answer arrives.
        let half = try tls.ask("agency-1", [Self.hello(1), Self.chunk(1, 1), "half"])
        #expect(half.count == 3 && (half[2] == "closed" || half[2] == "cut"), "\(half)")
        try tls.services.ingest.waitForLog("action: apuesta_recibida")
        let socket = try TestSocket(tls.services.ingestAddress)
        try socket.send([0x16, 3, 1, 2, 0])
        socket.shutDownOutput()
        _ = try socket.receiveToEnd()
        try tls.services.ingest.waitForLog("TLS: it disconnected during the handshake")
        try tls.services.stop()
    }

    @Test("random bytes, mutated ClientHellos and mutated messages after a handshake leave both services as they were")
    func fuzzed() throws {
        let isFull = ProcessInfo.processInfo.environment["FAULTS"] == "full"
        let tls = try TLSServices(agencies: [1])
        for program in [tls.services.ingest, tls.services.winners] {
            let address = program === tls.services.ingest ? tls.services.ingestAddress : tls.services.winnersAddress
            let fuzz = try TestProgram(
                "/usr/bin/env",
                [
                    "python3", Repository.root + "/Tests/Fixtures/foreign-tls-fuzz.py", "\(address)",
                    tls.pki.certificatePath("root"), tls.pki.certificatePath("agency-1"), tls.pki.keyPath("agency-1"),
                    "\(UInt32.random(in: 1...UInt32.max))", isFull ? "20000" : "300",
                ], in: tls.folder.path)
            #expect(try fuzz.waitForExit(seconds: isFull ? 7200 : 120) == 0, "\(fuzz.log)")
            #expect(fuzz.standardOutput.contains("done"), "\(fuzz.standardOutput)")
            #expect(program.residentBytes < 200 << 20, "\(fuzz.standardOutput)")
        }
        #expect(try tls.isWelcomed(1))
        try tls.services.stop()
    }

    @Test("a slow handshake ends at the deadline of HELLO")
    func slowHandshake() throws {
        let tls = try TLSServices(agencies: [1], settings: ["ingest.helloSeconds=1"])
        let socket = try TestSocket(tls.services.ingestAddress)
        try socket.send([0x16, 3, 1])
        #expect(try socket.receiveToEnd() == [])
        try tls.services.ingest.waitForLog("TLS: the handshake was incomplete after 1.0 seconds")
        // A complete handshake and no HELLO: the same second.
        let silent = try tls.ask("agency-1", ["wait:/nowhere"].filter { _ in false })
        #expect(silent == ["more"] || silent == ["closed"], "\(silent)")
        try tls.services.stop()
    }

}

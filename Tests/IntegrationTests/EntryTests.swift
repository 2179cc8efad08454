import Domain
import Foundation
import Glibc
import Identity
import Platform
import Synchronization
import TestKit
import Testing
import WireProtocol

/// The real services with a roster: nobody sends, ends or consults for an agency without proving to be it.
struct EntryTests {
    /// Services whose roster is replaced while they run.
    struct Guarded {
        let services: Services
        let roster: String
        private let folder: TemporaryFolder

        /// - Parameter entries: the agencies, as lines of YAML without the dash.
        init(_ entries: [String], settings: [String] = [], listen: String = "127.0.0.1:0") throws {
            folder = try TemporaryFolder()
            roster = folder.path + "/roster.yaml"
            try Self.write(entries, to: roster)
            services = try Services(
                agencies: nil, settings: ["roster=\(roster)"] + settings, folder: folder, listen: listen)
        }

        private static func write(_ entries: [String], to path: String) throws {
            let text = "agencies:\n" + entries.map { "  - \($0)\n" }.joined()
            // Atomic: beside the file, then renamed, as operators should.
            try Data(text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
        }

        /// Replaces the roster and waits until both services use it.
        func replace(_ entries: [String]) throws {
            let count = services.ingest.log.split(separator: "\n").count { $0.contains("action: read_roster") } + 1
            let other = services.winners.log.split(separator: "\n").count { $0.contains("action: read_roster") } + 1
            try Self.write(entries, to: roster)
            try services.ingest.waitForLog("action: read_roster", count: count)
            try services.winners.waitForLog("action: read_roster", count: other)
        }

        func write(_ entries: [String]) throws { try Self.write(entries, to: roster) }

        /// Connects, sends HELLO and receives the answer.
        func hello(_ agency: UInt32, _ token: String, winners: Bool = false) throws -> (TestSocket, Message) {
            let socket = try TestSocket(winners ? services.winnersAddress : services.ingestAddress)
            try socket.send(.hello(Hello(agency: AgencyID(agency), token: token)))
            // winners-service answers a HELLO only with an error.
            if winners { try socket.send(.consultWinners(waitMilliseconds: 60_000)) }
            return (socket, try socket.receiveMessage())
        }
    }

    static func entry(_ agency: Int, token: String? = nil, _ more: String = "") -> String {
        let tokens = token.map { ", tokens: [\"\(SecretDigest(of: $0.utf8))\"]" } ?? ""
        return "{ id: \(agency)\(tokens)\(more) }"
    }

    /// The sequence of an acknowledgement; nil for other messages.
    private static func acknowledged(_ socket: TestSocket) throws -> UInt32? {
        if case .chunkProcessed(let chunk) = try socket.receiveMessage() { chunk.sequence } else { nil }
    }

    /// A message of the dialect pipe.
    private static func pipe(_ text: String) -> [UInt8] { UInt32(text.utf8.count).bigEndianBytes + Array(text.utf8) }

    private static let denied = Message.error(.notAuthorized, EntryFault.answer)

    @Test("on both ports a wrong token, an unknown and a disabled agency get the same answer, and nothing is stored")
    func sameAnswer() throws {
        let guarded = try Guarded([
            Self.entry(1, token: "one"), Self.entry(2, token: "two", ", enabled: false"),
            Self.entry(3, token: "three", ", validTo: 2026-01-01"),
            Self.entry(4, token: "four", ", addresses: [\"10.0.0.1\"]"),
        ])
        for isWinners in [false, true] {
            var answers: Set<[UInt8]> = []
            for (agency, token) in [(1, ""), (1, "two"), (2, "two"), (3, "three"), (4, "four"), (5, "one"), (77, "")] {
                let (socket, answer) = try guarded.hello(UInt32(agency), token, winners: isWinners)
                #expect(answer == Self.denied, "\(agency) \(token)")
                answers.insert(answer.encoded)
                #expect(try socket.receiveToEnd() == [])
            }
            #expect(answers.count == 1)
        }
        let (_, welcome) = try guarded.hello(1, "one")
        guard case .welcome = welcome else { throw TestSocket.Failure.closed }
        let log = guarded.services.ingest.log
        for reason in [
            "no key or token of the agency", "it is disabled", "it was valid to 2026-01-01",
            "the address is not one of the agency's", "the roster has no agency 77",
        ] {
            #expect(log.contains("action: authorize | result: fail") && log.contains(reason), "\(reason)")
        }
        let status = try guarded.services.command("status")
        #expect(status.output.contains("0 of 2 agencies finished, 0 bets"), "\(status.output)")
        #expect(status.output.contains("roster: 4 agencies; 7 peers denied since the start"), "\(status.output)")
        try guarded.services.ingest.waitForLog("action: authorize")
        try guarded.services.stop()
        let events = try guarded.services.command("events").output
        #expect(events.split(separator: "\n").count { $0.contains("denied") } <= 2, "\(events)")
        #expect(events.contains("from 127.0.0.1"), "\(events)")
    }

    @Test(
        "a disabled agency is denied at its next chunk within a second, what was acknowledged stays, and it may resume")
    func disabledInMidStream() throws {
        let guarded = try Guarded([Self.entry(1, token: "one"), Self.entry(2, token: "two")])
        let (socket, _) = try guarded.hello(1, "one")
        let (other, _) = try guarded.hello(2, "two")
        let question = try TestSocket(guarded.services.winnersAddress)
        try question.send(.hello(Hello(agency: AgencyID(1), token: "one")))
        try question.send(.consultWinners(waitMilliseconds: 60_000))
        _ = try question.receiveMessage()
        try socket.send(.chunk(Samples.chunk(agency: 1, sequence: 1)))
        #expect(try Self.acknowledged(socket) == 1)
        let begin = ContinuousClock.now
        try guarded.replace([Self.entry(1, token: "one", ", enabled: false"), Self.entry(2, token: "two")])
        #expect(begin.duration(to: .now) < .seconds(1))
        try socket.send(.chunk(Samples.chunk(agency: 1, sequence: 2)))
        #expect(try socket.receiveMessage() == Self.denied)
        #expect(try socket.receiveToEnd() == [])
        #expect(try question.receiveMessage() == Self.denied)
        try other.send(.chunk(Samples.chunk(agency: 2, sequence: 1, isLast: true)))
        #expect(try Self.acknowledged(other) == 1)
        try guarded.replace([Self.entry(1, token: "one"), Self.entry(2, token: "two")])
        guard case (let again, .welcome(let welcome)) = try guarded.hello(1, "one") else {
            throw TestSocket.Failure.closed
        }
        #expect(welcome.nextSequence == 2)
        try again.send(.chunk(Samples.chunk(agency: 1, sequence: 2, isLast: true)))
        #expect(try Self.acknowledged(again) == 2)
        try guarded.services.ingest.waitForLog("action: publish")
        try guarded.services.stop()
        let events = try guarded.services.command("events").output
        #expect(events.split(separator: "\n").count { $0.contains("roster changed") } == 2, "\(events)")
    }

    @Test("a faulty roster changes nothing: log and status say why, and the next valid one is used")
    func faultyRoster() throws {
        let guarded = try Guarded([Self.entry(1, token: "one")])
        try guarded.replace(["{ id: 1, tokens: [\"one\"] }"])
        for program in [guarded.services.ingest, guarded.services.winners] {
            let line = try program.waitForLog("action: read_roster | result: fail")
            #expect(
                line.contains(":2: a value of tokens") && line.contains("the roster before it stays in use"), "\(line)")
        }
        let status = try guarded.services.command("status").output
        #expect(status.contains("the roster's file is faulty, the roster before it is in use: "), "\(status)")
        let winners = try TestProgram(
            "winners-service", ["status", "--data", guarded.services.data], in: guarded.services.folder.path)
        _ = try winners.waitForExit()
        #expect(winners.standardOutput.contains("the roster's file is faulty"), "\(winners.standardOutput)")
        guard case (_, .welcome) = try guarded.hello(1, "one") else { throw TestSocket.Failure.closed }
        try guarded.replace([Self.entry(1, token: "new")])
        #expect(try guarded.hello(1, "one").1 == Self.denied)
        guard case (_, .welcome) = try guarded.hello(1, "new") else { throw TestSocket.Failure.closed }
        // A hang-up reads the roster; it stops a service only without one.
        guarded.services.ingest.signal(SIGHUP)
        guarded.services.winners.signal(SIGHUP)
        guard case (_, .welcome) = try guarded.hello(1, "new") else { throw TestSocket.Failure.closed }
        try guarded.services.stop()
    }

    @Test("the roster is replaced 100 times under load: no connection and no bet is lost")
    func replacedUnderLoad() throws {
        let agencies = 8
        let entries = (1...agencies).map { Self.entry($0, token: "token-\($0)") }
        let guarded = try Guarded(entries)
        let services = guarded.services
        let sockets = try (1...agencies).map { try guarded.hello(UInt32($0), "token-\($0)").0 }
        let isOver = Atomic(false)
        let chunks = Atomic(0)
        let failures = Atomic(0)
        /// Sends a chunk and waits until it is stored.
        @Sendable func send(_ index: Int, _ sequence: UInt32, isLast: Bool) -> Bool {
            let chunk = Samples.chunk(agency: index + 1, sequence: sequence, count: 50, isLast: isLast)
            let isStored =
                (try? sockets[index].send(.chunk(chunk))) != nil
                && (try? Self.acknowledged(sockets[index])) == sequence
            if isStored { chunks.add(1, ordering: .relaxed) } else { failures.add(1, ordering: .relaxed) }
            return isStored
        }
        let threads = (1..<agencies).map { index in
            NamedThread("sender") {
                var sequence: UInt32 = 0
                var isLast = false
                while !isLast {
                    sequence += 1
                    isLast = isOver.load(ordering: .acquiring)
                    guard send(index, sequence, isLast: isLast) else { return }
                }
            }
        }
        func changes() throws -> Int {
            try String(contentsOfFile: services.data + "/events.log", encoding: .utf8).split(separator: "\n")
                .count { $0.contains("roster changed") }
        }
        var sequence: UInt32 = 0
        let deadline = ContinuousClock.now + .seconds(90)
        for round in 1...100 {
            try guarded.write(entries + [Self.entry(99 + round, token: "other", ", enabled: false")])
            while try changes() < round, ContinuousClock.now < deadline {
                sequence += 1
                guard send(0, sequence, isLast: false) else { break }
            }
        }
        #expect(try changes() == 100)
        #expect(send(0, sequence + 1, isLast: true))
        isOver.store(true, ordering: .releasing)
        for thread in threads { thread.join() }
        #expect(failures.load(ordering: .relaxed) == 0)
        let bets = chunks.load(ordering: .relaxed) * 50
        let (question, welcome) = try guarded.hello(1, "token-1", winners: true)
        guard case (.welcome, .winners) = (welcome, try question.receiveMessage()) else {
            throw TestSocket.Failure.closed
        }
        let status = try services.command("status").output
        #expect(bets > 100 * 50 && status.contains("8 of 8 agencies finished, \(bets) bets"), "\(bets): \(status)")
        #expect(status.contains("; 0 peers denied"), "\(status)")
        try services.stop()
    }

    @Test("a draw has the agencies of the roster, whatever their numbers; result, settle and verify list only them")
    func sparseDraw() throws {
        let guarded = try Guarded([
            Self.entry(2, token: "two"), Self.entry(5, token: "five"), Self.entry(3, token: "t", ", enabled: false"),
        ])
        // Those that the roster gains later are for later draws.
        try guarded.replace([Self.entry(2, token: "two"), Self.entry(5, token: "five"), Self.entry(6, token: "six")])
        guard case (_, .error(.unknownAgency, let text)) = try guarded.hello(6, "six") else {
            throw TestSocket.Failure.closed
        }
        #expect(text == "agency 6 is not one of the 2 agencies of this draw")
        for (agency, token) in [(2, "two"), (5, "five")] {
            let (socket, _) = try guarded.hello(UInt32(agency), token)
            try socket.send(.chunk(Samples.chunk(agency: agency, sequence: 1, isLast: true)))
            #expect(try Self.acknowledged(socket) == 1)
        }
        try guarded.services.ingest.waitForLog("action: publish")
        let status = try guarded.services.command("status").output
        #expect(status.contains("2 of 2 agencies finished") && !status.contains("\n1 "), "\(status)")
        let settled = try TestProgram(
            "bet-ingest", ["draw", "settle", "default", "--data", guarded.services.data],
            in: guarded.services.folder.path)
        #expect(try settled.waitForExit() == 0)
        let rows = settled.standardOutput.split(whereSeparator: \.isNewline).dropFirst().map { $0.prefix { $0 != "," } }
        #expect(rows.filter { UInt32($0) != nil } == ["2", "5"], "\(settled.standardOutput)")
        #expect(try guarded.hello(5, "five", winners: true).1 != Self.denied)
        try guarded.services.stop()
    }

    @Test("a dialect's agency is known by its address and its dialect")
    func dialect() throws {
        let guarded = try Guarded(
            [
                Self.entry(1, token: nil, ", dialects: [pipe], addresses: [\"127.0.0.3\"]"),
                Self.entry(2, token: nil, ", dialects: [lines], addresses: [\"127.0.0.4\"]"),
            ], settings: ["dialects.pipe=127.0.0.1:0"])
        let pipe = try guarded.services.ingest.waitForAddress(port: "pipe")
        func ask(_ text: String, from source: String) throws -> [UInt8] {
            let socket = try TestSocket(pipe, from: source)
            try socket.send(Self.pipe(text))
            return Array(try socket.receiveToEnd().dropFirst(4))
        }
        let rejected = Array("REJECTED 0\n".utf8)
        let bet = "|Ana|Luz|30904465|1999-03-17|7574\n"
        let answers = try [
            ask("1\(bet)", from: "127.0.0.2"), ask("2\(bet)", from: "127.0.0.4"), ask("END\n", from: "127.0.0.4"),
            ask("CON|1", from: "127.0.0.2"), ask("9\(bet)", from: "127.0.0.3"),
        ]
        #expect(
            Set(answers).count == 1 && answers[0] == rejected, "\(answers.map { String(decoding: $0, as: UTF8.self) })")
        let socket = try TestSocket(pipe, from: "127.0.0.3")
        try socket.send(Self.pipe("1\(bet)"))
        #expect(try socket.receive(8).dropFirst(4) == Array("ACK\n".utf8)[...])
        try guarded.services.stop()
    }

    @Test("a dialect's agency that is disabled while its question waits for the draw gets no winners")
    func parkedDialect() throws {
        let line = Self.entry(1, token: nil, ", dialects: [pipe], addresses: [\"127.0.0.3\"]")
        let guarded = try Guarded(
            [line], settings: ["dialects.pipe=127.0.0.1:0", "draw.winningNumber=7574"])
        let pipe = try guarded.services.ingest.waitForAddress(port: "pipe")
        func question() throws -> TestSocket {
            let socket = try TestSocket(pipe, from: "127.0.0.3")
            try socket.send(Self.pipe("1|Ana|Luz|30904465|1999-03-17|7574\n"))
            #expect(try socket.receive(8).dropFirst(4) == Array("ACK\n".utf8)[...])
            try socket.send(Self.pipe("CON|1"))
            return socket
        }
        let parked = try question()
        try guarded.replace([
            Self.entry(1, token: nil, ", dialects: [pipe], addresses: [\"127.0.0.3\"], enabled: false")
        ])
        let closed = try TestProgram(
            "bet-ingest", ["draw", "close", "default", "--yes", "--data", guarded.services.data],
            in: guarded.services.folder.path)
        #expect(try closed.waitForExit() == 0, "\(closed.log)")
        try guarded.services.ingest.waitForLog("action: publish")
        #expect(try parked.receiveToEnd().dropFirst(4) == Array("REJECTED 0\n".utf8)[...])
        try guarded.services.ingest.waitForLog("agency: 1 | peer: 127.0.0.3")
        try guarded.replace([line])
        let allowed = try TestSocket(pipe, from: "127.0.0.3")
        try allowed.send(Self.pipe("CON|1"))
        #expect(try allowed.receive(13) == Self.pipe("30904465\n"))
        try guarded.services.stop()
    }

    @Test("without a roster one WARNING says what that means, and only then")
    func warning() throws {
        let services = try Services(agencies: 1)
        for program in [services.ingest, services.winners] {
            let line = try program.waitForLog("action: read_roster | result: fail")
            #expect(line.contains("WARNING") && line.contains("may send, finish and consult for any agency"), "\(line)")
        }
        guard
            case (let socket, .error(.tokenNotAccepted, _))? = try? {
                let socket = try TestSocket(services.ingestAddress)
                try socket.send(.hello(Hello(agency: AgencyID(1), token: "x")))
                return (socket, try socket.receiveMessage())
            }()
        else { throw TestSocket.Failure.closed }
        #expect(try socket.receiveToEnd() == [])
        try services.stop()
        let guarded = try Guarded([Self.entry(1, token: "one")])
        try guarded.services.stop()
        #expect(!guarded.services.ingest.log.contains("there is no roster"))
    }

    @Test("an agency sends with a token of its file; token and digest reach no log, error or result")
    func tokenFile() throws {
        let guarded = try Guarded(
            [Self.entry(1, token: "s3cret-token")], settings: ["log.level=DEBUG", "draw.winningNumber=1"])
        let services = guarded.services
        let path = services.folder.path + "/token"
        let file = services.folder.path + "/agency-1.csv"
        try "Ana,Luz,30904465,1999-03-17,1\n".write(toFile: file, atomically: true, encoding: .utf8)
        func send(_ mode: Int, _ token: String, _ arguments: [String] = []) throws -> TestProgram {
            try (token + "\n").write(toFile: path, atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
            let agency = try services.agency(
                1, file: file, arguments: arguments + ["--set", "agency.tokenFile=\(path)", "--set", "log.level=DEBUG"])
            _ = try agency.waitForExit()
            return agency
        }
        let open = try send(0o644, "s3cret-token")
        #expect(
            try open.waitForExit() == 78 && open.log.contains("mode 0644: other users can read the token; chmod 0600"))
        let wrong = try send(0o600, "s3cret-tokem")
        #expect(try wrong.waitForExit() == 78 && wrong.log.contains(EntryFault.answer), "\(wrong.log)")
        let flag = try TestProgram(
            "agency", ["--set", "agency.token=s3cret-token", "--file", file], in: services.folder.path)
        #expect(try flag.waitForExit() == 78 && flag.log.contains("other users can read a command line"))
        let right = try send(0o600, "s3cret-token")
        #expect(try right.waitForExit() == 0, "\(right.log)")
        #expect(right.standardOutput.contains("\"30904465\""))
        let check = try TestProgram(
            "agency", ["--check"], environment: ["QUINIELA_AGENCY_TOKEN": "s3cret-token"], in: services.folder.path)
        #expect(try check.waitForExit() == 0 && check.standardOutput.contains("(set)"))
        try services.stop()
        let digest = "\(SecretDigest(of: "s3cret-token".utf8))".dropFirst(7)
        var texts = [services.ingest, services.winners, open, wrong, flag, right, check].map {
            $0.log + $0.standardOutput
        }
        let files = try #require(FileManager.default.enumerator(atPath: services.data)).compactMap { $0 as? String }
        texts += files.compactMap { FileManager.default.contents(atPath: services.data + "/" + $0) }
            .map { String(decoding: $0, as: UTF8.self) }
        #expect(texts.count > 10)
        #expect(!texts.contains { $0.contains("s3cret") || $0.contains(digest) })
    }

    @Test("bet-ingest roster makes a token, checks a roster and reports its faults")
    func rosterCommands() throws {
        let folder = try TemporaryFolder()
        func run(_ arguments: [String]) throws -> TestProgram {
            let program = try TestProgram("bet-ingest", ["roster"] + arguments, in: folder.path)
            _ = try program.waitForExit()
            return program
        }
        let made = try run(["token", "17", "--output", "token"])
        let token = try String(contentsOfFile: folder.path + "/token", encoding: .utf8).dropLast()
        #expect(made.standardOutput == "{ id: 17, tokens: [\"\(SecretDigest(of: token.utf8))\"] }")
        #expect(token.count == 43 && !(made.standardOutput + made.log).contains(token))
        let mode = try FileManager.default.attributesOfItem(atPath: folder.path + "/token")[.posixPermissions] as? Int
        #expect(mode == 0o600)
        try "agencies:\n  - \(made.standardOutput)\n  - { id: 18 }\n".write(
            toFile: folder.path + "/roster.yaml", atomically: true, encoding: .utf8)
        let checked = try run(["check"])
        #expect(checked.standardOutput.contains("1 token") && checked.standardOutput.contains("nothing proves it"))
        try "agencies:\n  - { id: 0 }\n".write(toFile: folder.path + "/roster.yaml", atomically: true, encoding: .utf8)
        let faulty = try run(["check"])
        #expect(try faulty.waitForExit() == 78 && faulty.log.contains("roster.yaml:2: id is \"0\""), "\(faulty.log)")
    }
}

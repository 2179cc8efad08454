import Foundation
import Glibc
import Platform
import TestKit
import Testing
import WireProtocol

/// Attacks of unauthenticated peers on shared resources of the real service, beside a native agency.
///
/// That agency's chunks must be answered within bounds far below the deadlines for which an attack used to delay them.
@Suite(.serialized)
struct UnauthenticatedPeerTests {
    private static let small = ["ingest.bufferBytes=4194304", "ingest.maxFrameBytes=1048576"]

    private func pipe(_ text: String) -> [UInt8] {
        UInt32(text.utf8.count).bigEndianBytes + Array(text.utf8)
    }

    /// Sends chunks of a connected agency, one at a time.
    ///
    /// - Returns: the longest wait for an answer.
    private func regularChunks(_ socket: TestSocket, _ count: Int, from sequence: UInt32 = 1) throws -> Duration {
        var longest = Duration.zero
        for index in 0..<UInt32(count) {
            let start = ContinuousClock.now
            try socket.send(.chunk(Samples.chunk(agency: 1, sequence: sequence + index)))
            guard case .chunkProcessed = try socket.receiveMessage() else {
                Issue.record("chunk \(sequence + index) was not processed")
                return .seconds(99)
            }
            longest = max(longest, start.duration(to: .now))
        }
        return longest
    }

    @Test(
        "half messages of dialects delay no other agency, and one that is completed is answered",
        arguments: [false, true])
    func halfMessages(_ beginsWithEmptyChunk: Bool) throws {
        let ports = try DialectPorts(agencies: 2, settings: Self.small)
        let (regular, _) = try ports.services.join(1)
        _ = try regularChunks(regular, 1)
        let half = [0, 0x10, 0, 0] + [UInt8](repeating: 0x20, count: 524_288)
        let peers = try (0..<8).map { _ in try TestSocket(ports["pipe"]) }
        // The answer to a chunk without bets is an ACK, but nothing of the peer is stored.
        for peer in peers where beginsWithEmptyChunk {
            try peer.send([0, 0, 0, 0])
            #expect(try !peer.receive(8).isEmpty)
        }
        for peer in peers { try peer.send(half) }
        #expect(try regularChunks(regular, 20, from: 2) < .seconds(2))
        // A completed message is answered: it does not wait for the memory of the other half messages.
        for peer in peers.prefix(1) {
            try peer.send([UInt8](repeating: 0x20, count: 524_288))
            #expect(try !peer.receive(12).isEmpty)
        }
        withExtendedLifetime(peers) {}
        try ports.services.stop()
    }

    @Test("a message of newlines takes no more memory than one of a single line, because its lines are not collected")
    func newlines() throws {
        let ports = try DialectPorts(agencies: 1)
        let socket = try TestSocket(ports["pipe"])
        func peak(_ text: Character, badBets: Int) throws -> Int {
            try socket.send(pipe(String(repeating: text, count: 1 << 19)))
            let answer = pipe("REJECTED \(badBets)\n")
            #expect(try socket.receive(answer.count) == answer)
            return ports.services.ingest.peakResidentBytes
        }
        let oneLine = try peak(" ", badBets: 1)
        let lines = try peak("\n", badBets: 1 << 19)
        // The positions of its lines would take 8 MiB.
        #expect(lines - oneLine < 4 << 20, "\(oneLine) bytes became \(lines)")
        try ports.services.stop()
    }

    @Test("nine bytes of an unauthenticated peer reserve nothing, in plain and over TLS", arguments: Entrance.all)
    func nineBytes(_ entrance: Entrance) throws {
        let ports = try EncryptedPort(entrance, agencies: 2, settings: Self.small)
        let (regular, _) = try ports.services.join(1, through: ports.address)
        let peers = try (0..<16).map { _ in try TestSocket(ports.address) }
        for peer in peers { try peer.send([0, 0, 0, 1, 0x77, 0, 0x10, 0, 0]) }
        #expect(try regularChunks(regular, 20) < .seconds(1))
        for peer in peers {
            guard case .error(.malformedMessage, _) = try peer.receiveMessage() else {
                Issue.record("no error")
                continue
            }
        }
        try ports.stop()
    }

    @Test("an announced message as large as the whole buffer delays no other agency")
    func largestMessage() throws {
        let ports = try DialectPorts(
            agencies: 2, settings: ["ingest.bufferBytes=4194304", "ingest.maxFrameBytes=4194304"])
        let (regular, _) = try ports.services.join(1)
        let peer = try TestSocket(ports["tlv"])
        try peer.send([1, 0, 0x40, 0, 0] + [UInt8](repeating: 0, count: 100_000))
        #expect(try regularChunks(regular, 20) < .seconds(4))
        withExtendedLifetime(peer) {}
        try ports.services.stop()
    }

    @Test("connections of dialects take at most three quarters of the limit; the rest is for native agencies")
    func slots() throws {
        let ports = try DialectPorts(agencies: 2, settings: ["ingest.queueCapacity=16"])
        let peers = try (0..<12).map { _ in
            let peer = try TestSocket(ports["pipe"])
            try peer.send(pipe(" "))
            #expect(try !peer.receive(1).isEmpty)
            return peer
        }
        #expect(throws: TestSocket.Failure.closed) { try TestSocket(ports["pipe"]).receive(1) }
        let (regular, _) = try ports.services.join(1)
        _ = try regularChunks(regular, 1)
        withExtendedLifetime(peers) {}
        try ports.services.stop()
    }

    @Test("winners that peers request but do not read take one piece of memory per connection")
    func untakenWinners() throws {
        let ports = try DialectPorts(agencies: 1)
        let socket = try TestSocket(ports["pipe"])
        let row = "1|Ana|Luz|30904465|1999-03-17|7574\n"
        try socket.send(pipe(String(repeating: row, count: 2000)))
        #expect(try socket.receive(8) == pipe("ACK\n"))
        try socket.send(pipe("END\n"))
        #expect(try socket.receive(12) == pipe("END ACK\n"))
        try ports.services.ingest.waitForLog("action: publish")
        let before = ports.services.ingest.residentBytes
        let question = pipe("CON|1")
        let questions = (0..<14_000).flatMap { _ in question }
        let silent = try (0..<10).map { _ in try TestSocket(ports["pipe"]) }
        let senders = silent.map { socket in
            NamedThread("asker") { try? socket.send(questions) }
        }
        // Meanwhile another connection is answered many times.
        let taker = try TestSocket(ports["pipe"])
        for _ in 0..<200 {
            try taker.send(question)
            #expect(try taker.receive(4 + 2000 * 9).count == 4 + 2000 * 9)
        }
        let after = ports.services.ingest.residentBytes
        #expect(after - before < 24 << 20, "\(before) bytes became \(after)")
        for socket in silent { socket.reset() }
        for sender in senders { sender.join() }
        try ports.services.stop()
    }

    @Test("parked consultations of disconnected peers do not count towards the connection limit")
    func goneAndParked() throws {
        let ports = try DialectPorts(agencies: 2, settings: ["ingest.queueCapacity=8"])
        for _ in 0..<12 {
            let socket = try TestSocket(ports["pipe"])
            try socket.send((0..<33).flatMap { _ in pipe("CON|1") })
            socket.shutDownOutput()
            #expect(try socket.receiveToEnd().isEmpty)
        }
        let (regular, _) = try ports.services.join(1)
        #expect(try regularChunks(regular, 1) < .seconds(2))
        try ports.services.stop()
    }

    @Test("an agency that sends on its own connection cannot be finished from another one")
    func foreignEnds() throws {
        let ports = try DialectPorts(agencies: 1)
        let (native, _) = try ports.services.join(1)
        _ = try regularChunks(native, 1)
        let tlv = try TestSocket(ports["tlv"])
        try tlv.send([2, 0, 0, 0, 4, 0, 0, 0, 1])
        #expect(try tlv.receive(5) == [4, 0, 0, 0, 0])
        let lines = try TestSocket(ports["lines"])
        try lines.send(Array("CONFIRMATION\n1\n\n".utf8))
        try lines.expect(Array("Error al recibir msg :(\n\n".utf8))
        try ports.services.ingest.waitForLog("agency 1 is sending on another connection")
        #expect(try regularChunks(native, 3, from: 2) < .seconds(2))
        try ports.services.stop()
    }

    @Test(
        "agencies at one address with a connection per message: the last of their nameless ENDs finishes all")
    func namelessEnds() throws {
        let ports = try DialectPorts(agencies: 3)
        for agency in 1...3 {
            let socket = try TestSocket(ports["pipe"])
            try socket.send(pipe("\(agency)|Ana|Luz|3090446\(agency)|1999-03-17|7574\n"))
            try socket.expect(pipe("ACK\n"))
        }
        var ends = try (0..<2).map { _ in try TestSocket(ports["pipe"]) }
        for end in ends { try end.send(pipe("END\n")) }
        // The END of a closed connection does not count.
        ends.removeLast().reset()
        try waitForEarlier(ports)
        #expect(!ports.services.ingest.log.contains("action: agency_finished"))
        for _ in 0..<2 {
            let end = try TestSocket(ports["pipe"])
            try end.send(pipe("END\n"))
            ends.append(end)
        }
        for end in ends { try end.expect(pipe("END ACK\n")) }
        try ports.services.ingest.waitForLog("action: publish")
        try ports.services.stop()
    }

    /// Blocks until the service has processed everything that arrived before.
    private func waitForEarlier(_ ports: DialectPorts) throws {
        for _ in 0..<20 {
            let socket = try TestSocket(ports["pipe"])
            try socket.send(pipe("WIN\n"))
            try socket.expect(pipe("N\n"))
        }
    }

    @Test("a length that counts characters instead of bytes stores no false bet")
    func lengthsInCharacters() throws {
        let ports = try DialectPorts(agencies: 1)
        func framed(_ text: String, header: (Int) -> [UInt8]) -> [UInt8] { header(text.count) + Array(text.utf8) }
        let eight: (Int) -> [UInt8] = {
            Array(String(repeating: "0", count: 8 - "\($0)".count).utf8) + Array("\($0)".utf8)
        }
        let four: (Int) -> [UInt8] = { UInt32($0).bigEndianBytes }
        let semicolon = try TestSocket(ports["semicolon"])
        try semicolon.send(framed("1;1\nÁñé;Luz;30904465;1999-03-17;7574\n", header: eight))
        #expect(String(decoding: try semicolon.receive(14).dropFirst(8), as: UTF8.self) == "error;")
        for text in [
            "1|Ána|Luz|30904465|1999-03-17|7574", "1|Áña|Luz|30904465|1999-03-17|7574\n",
            "1|Áñó|Luz|30904465|1999-03-17|75",
        ] {
            let socket = try TestSocket(ports["pipe"])
            try socket.send(framed(text, header: four))
            try socket.expect(pipe("REJECTED 1\n"))
        }
        // The same without a line end but with the right length is a valid bet.
        for text in ["1|Áña|Luz|30904465|1999-03-17|757", "1|Ana|Luz|30904465|1999-03-17|75"] {
            let socket = try TestSocket(ports["pipe"])
            try socket.send(four(text.utf8.count) + Array(text.utf8))
            try socket.expect(pipe("ACK\n"))
        }
        let numbers = try ports.services.exportedRows().map { $0.split(separator: ",").last.map(String.init) ?? "" }
        #expect(numbers.sorted() == ["75", "757"])
        try ports.services.stop()
    }

    @Test("repeated chunks delay only their own connection, in plain and over TLS", arguments: Entrance.all)
    func repetitions(_ entrance: Entrance) throws {
        let ports = try EncryptedPort(entrance, agencies: 5)
        let large = Samples.chunk(sequence: 1, bets: (0..<20_000).map(Samples.bet))
        let repeaters = try (2...4).map { agency in
            let (socket, _) = try ports.services.join(agency, through: ports.address)
            try socket.send(.chunk(large))
            _ = try socket.receiveMessage()
            return socket
        }
        let (regular, _) = try ports.services.join(1, through: ports.address)
        let threads = repeaters.map { socket in
            NamedThread("repeater") {
                for _ in 0..<6 { try? socket.send(.chunk(large)) }
            }
        }
        #expect(try regularChunks(regular, 20) < .seconds(1))
        for socket in repeaters {
            for _ in 0..<6 {
                guard case .chunkProcessed(let processed) = try socket.receiveMessage(), processed.sequence == 1 else {
                    Issue.record("a repetition got another answer")
                    break
                }
            }
        }
        for thread in threads { thread.join() }
        try ports.stop()
    }
}

import Domain
import Foundation
import Glibc
import TestKit
import Testing
import WireProtocol

/// The real service on its ingest port: any bytes, takeover, windows, deadlines and limits.
struct IngestPortTests {
    private func last(_ agency: Int, sequence: UInt32 = 1) -> Message {
        .chunk(Samples.chunk(agency: agency, sequence: sequence, isLast: true))
    }

    @Test("the same messages arrive one byte at a time and all in one segment")
    func slicing() throws {
        let services = try Services(agencies: 2)
        let bytes1 = (Message.hello(Hello(agency: AgencyID(1))).encoded, last(1).encoded)
        let slow = try TestSocket(services.ingestAddress)
        for byte in bytes1.0 + bytes1.1 { try slow.send([byte]) }
        let fast = try TestSocket(services.ingestAddress)
        let chunk = Message.chunk(Samples.chunk(agency: 2, sequence: 1)).encoded
        try fast.send(Message.hello(Hello(agency: AgencyID(2))).encoded + chunk + last(2, sequence: 2).encoded)
        for (socket, count) in [(slow, 1), (fast, 2)] {
            guard case .welcome = try socket.receiveMessage() else {
                Issue.record("no welcome")
                return
            }
            for _ in 0..<count {
                guard case .chunkProcessed = try socket.receiveMessage() else {
                    Issue.record("not processed")
                    return
                }
            }
        }
        guard case .winners = try services.consult(1) else {
            Issue.record("not drawn")
            return
        }
        try services.stop()
    }

    @Test("200 connections with 8 chunks each in flight: every answer arrives, however the connections end")
    func manyAnswers() throws {
        let services = try Services(agencies: 200)
        let sockets = try (1...200).map { try services.join($0).0 }
        for (index, socket) in sockets.enumerated() {
            let chunks = (1...8).map { sequence in
                Samples.chunk(agency: index + 1, sequence: UInt32(sequence), isLast: sequence == 8)
            }
            try socket.send(chunks.flatMap { Message.chunk($0).encoded })
            if index % 3 == 1 { socket.shutDownOutput() }
            if index % 3 == 2 { try socket.send([0, 0, 0, 0]) }
        }
        for socket in sockets {
            let sequences = try (1...8).map { _ -> UInt32? in
                guard case .chunkProcessed(let answer) = try socket.receiveMessage() else { return nil }
                return answer.sequence
            }
            #expect(sequences == Array(1...8))
        }
        guard case .winners = try services.consult(200) else {
            Issue.record("not drawn")
            return
        }
        try services.stop()
    }

    @Test("a bad chunk between good ones is rejected with its bet's index and uses up its sequence")
    func badChunk() throws {
        let services = try Services(agencies: 1)
        let (socket, _) = try services.join(1)
        var bet = Samples.bet(1)
        bet.document = "12-34"
        let bad = Samples.chunk(sequence: 2, bets: [Samples.bet(0), bet])
        var truncated = Samples.chunk(agency: 1, sequence: 3)
        truncated.frame.removeLast()
        try socket.send(.chunk(Samples.chunk(agency: 1, sequence: 1)))
        try socket.send(.chunk(bad))
        try socket.send(.chunk(truncated))
        try socket.send(.chunk(bad))
        try socket.send(last(1, sequence: 4))
        let answers = try (0..<5).map { _ in try socket.receiveMessage() }
        #expect(answers[0] == .chunkProcessed(ChunkProcessed(sequence: 1, count: 3, firstBetIndex: 0)))
        guard case .chunkRejected(let rejected) = answers[1], case .chunkRejected(let malformed) = answers[2] else {
            Issue.record("\(answers)")
            return
        }
        #expect(rejected.code == .invalidBet && rejected.betIndex == 1)
        #expect(rejected.message.contains("other than an ASCII letter or digit"))
        #expect(malformed.code == .malformedChunk)
        #expect(answers[3] == answers[1])
        #expect(answers[4] == .chunkProcessed(ChunkProcessed(sequence: 4, count: 3, firstBetIndex: 3)))
        try services.ingest.waitForLog("apuesta_recibida | result: fail | cantidad: 2 | agency: 1 | sequence: 2")
        try services.stop()
    }

    @Test(
        "bytes other than a valid message are answered with an error, and the next agency is served",
        arguments: [
            ([0, 0, 0, 0], ErrorCode.malformedFrame), ([0xFF, 0xFF, 0xFF, 0xFF], .malformedFrame),
            (Array("GET / HTTP/1.1\r\n\r\n".utf8), .malformedFrame), ([0, 0, 0, 1, 0x77], .malformedMessage),
            ([0, 0, 0, 2, 1, 1], .malformedMessage), ([0, 0, 0, 5, 4, 0, 0, 0, 0], .unexpectedMessage),
            ([0, 0, 0, 7, 2, 0, 0, 0, 1, 0, 0], .unexpectedMessage),
            ([0, 0, 0, 4, 1, 9, 9, 9], .unsupportedVersion),
        ] as [([UInt8], ErrorCode)])
    func garbage(_ bytes: [UInt8], _ code: ErrorCode) throws {
        let services = try Services(agencies: 1)
        let socket = try TestSocket(services.ingestAddress)
        try socket.send(bytes)
        guard case .error(code, _) = try socket.receiveMessage() else {
            Issue.record("no error")
            return
        }
        #expect(try socket.receiveToEnd() == [])
        let (healthy, _) = try services.join(1)
        try healthy.send(last(1))
        guard case .chunkProcessed = try healthy.receiveMessage() else {
            Issue.record("the next agency was not served")
            return
        }
        try services.stop()
    }

    @Test("after a close in mid-message, a reset and a silent connection the next agency is served")
    func vanishing() throws {
        let services = try Services(agencies: 1)
        let silent = try TestSocket(services.ingestAddress)
        let chunk = Message.chunk(Samples.chunk(agency: 1, sequence: 1)).encoded
        do {
            let (half, _) = try services.join(1)
            try half.send(Array(chunk[..<20]))
        }
        let (reset, welcome) = try services.join(1)
        #expect(welcome.nextSequence == 1)
        try reset.send(chunk)
        reset.reset()
        let (again, _) = try services.join(1)
        try again.send(chunk)
        try again.send(last(1, sequence: 2))
        guard case .chunkProcessed = try again.receiveMessage(), case .chunkProcessed = try again.receiveMessage()
        else {
            Issue.record("not served")
            return
        }
        withExtendedLifetime(silent) {}
        try services.stop()
    }

    @Test("an agency that closes its sending side still gets its answers")
    func halfClose() throws {
        let services = try Services(agencies: 1)
        let (socket, _) = try services.join(1)
        try socket.send(last(1))
        socket.shutDownOutput()
        guard case .chunkProcessed = try socket.receiveMessage() else {
            Issue.record("no answer")
            return
        }
        #expect(try socket.receiveToEnd() == [])
        try services.stop()
    }

    @Test("a second connection takes over, and the first gets an error")
    func takeover() throws {
        let services = try Services(agencies: 1)
        let (first, _) = try services.join(1)
        try first.send(.chunk(Samples.chunk(agency: 1, sequence: 1)))
        guard case .chunkProcessed = try first.receiveMessage() else { return }
        let (second, welcome) = try services.join(1)
        #expect(welcome.nextSequence == 2 && welcome.storedBets == 3)
        guard case .error(.superseded, _) = try first.receiveMessage() else {
            Issue.record("the first connection got no error")
            return
        }
        #expect(try first.receiveToEnd() == [])
        try second.send(.chunk(Samples.chunk(agency: 1, sequence: 2)))
        guard case .chunkProcessed = try second.receiveMessage() else { return }
        try services.stop()
    }

    @Test("chunks beyond the window wait unread and are answered in order")
    func window() throws {
        let services = try Services(agencies: 1, settings: ["ingest.window=2"])
        let (socket, welcome) = try services.join(1)
        #expect(welcome.window == 2)
        let chunks = (1...200).map { Message.chunk(Samples.chunk(agency: 1, sequence: $0)).encoded }
        try socket.send(chunks.flatMap { $0 })
        for sequence in 1...200 as ClosedRange<UInt32> {
            guard case .chunkProcessed(let processed) = try socket.receiveMessage() else {
                Issue.record("not processed")
                return
            }
            #expect(processed.sequence == sequence)
        }
        try services.stop()
    }

    @Test("frames waiting for memory get it in turn")
    func budget() throws {
        // Five frames of nearly 1 MiB in 4 MiB of buffer.
        let services = try Services(agencies: 5, settings: ["ingest.bufferBytes=4194304"])
        let bets = (0..<30_000).map(Samples.bet)
        let message = Message.chunk(Samples.chunk(sequence: 1, bets: bets)).encoded
        let sockets = try (1...5).map { try services.join($0).0 }
        for socket in sockets { try socket.send(Array(message[..<500_000])) }
        for socket in sockets.reversed() { try socket.send(Array(message[500_000...])) }
        for socket in sockets {
            guard case .chunkProcessed(let processed) = try socket.receiveMessage() else {
                Issue.record("not processed")
                return
            }
            #expect(processed.count == 30_000)
        }
        try services.stop()
    }

    @Test("HELLO, a partial frame and an idle connection have deadlines")
    func deadlines() throws {
        let services = try Services(
            agencies: 3, settings: ["ingest.helloSeconds=1", "ingest.frameSeconds=1", "ingest.idleSeconds=1"])
        let mute = try TestSocket(services.ingestAddress)
        let (half, _) = try services.join(1)
        try half.send([0, 0, 0, 50, 2])
        let (idle, _) = try services.join(2)
        for socket in [mute, half, idle] {
            guard case .error(.deadline, _) = try socket.receiveMessage() else {
                Issue.record("no deadline")
                continue
            }
        }
        try services.stop()
    }

    @Test("connections beyond the connection limit are rejected with an error")
    func connectionLimit() throws {
        let services = try Services(agencies: 2, settings: ["ingest.queueCapacity=2"])
        let first = try services.join(1)
        let second = try services.join(2)
        let third = try TestSocket(services.ingestAddress)
        guard case .error(.busy, _) = try third.receiveMessage() else {
            Issue.record("not rejected")
            return
        }
        withExtendedLifetime((first, second)) {}
        try services.stop()
    }

    @Test("connections beyond the limit of one address are rejected, and another address is served")
    func ceilingOfAddress() throws {
        let services = try Services(agencies: 2, settings: ["ingest.maxPerAddress=1"])
        let first = try TestSocket(services.ingestAddress, from: "127.0.0.2")
        try first.send(.hello(Hello(agency: AgencyID(1))))
        guard case .welcome = try first.receiveMessage() else { return }
        let second = try TestSocket(services.ingestAddress, from: "127.0.0.2")
        guard case .error(.busy, _) = try second.receiveMessage() else {
            Issue.record("not rejected")
            return
        }
        let other = try TestSocket(services.ingestAddress, from: "127.0.0.3")
        try other.send(.hello(Hello(agency: AgencyID(2))))
        guard case .welcome = try other.receiveMessage() else {
            Issue.record("rejected")
            return
        }
        withExtendedLifetime(first) {}
        try services.stop()
    }

    @Test("agencies that connect and reset faster than they are served never overflow the queue")
    func churn() throws {
        let services = try Services(agencies: 1, settings: ["ingest.queueCapacity=2"])
        let hello = Message.hello(Hello(agency: AgencyID(1))).encoded
        for _ in 0..<500 {
            let socket = try TestSocket(services.ingestAddress)
            try? socket.send(hello)
            socket.reset()
        }
        // A connection counts towards the limit until a worker has seen its end.
        var welcomes = 0
        for _ in 0..<1000 where welcomes == 0 {
            let socket = try TestSocket(services.ingestAddress)
            try? socket.send(hello)
            // Closed without `busy` if many connections are being told so.
            if case .welcome? = try? socket.receiveMessage() { welcomes += 1 }
        }
        #expect(welcomes == 1)
        try services.stop()
    }

    @Test("announced frames that never arrive delay no other agency, and end with an error if it needs the memory")
    func stalledFrames() throws {
        // Four frames of 1 MiB fill the buffer; agencies without a stored chunk share a quarter of it.
        let services = try Services(agencies: 5, settings: ["ingest.bufferBytes=4194304"])
        let stalled = try (1...4).map { agency in
            let (socket, _) = try services.join(agency)
            try socket.send([0, 0x10, 0, 0, 2] + [UInt8](repeating: 0, count: 10 << 10))
            return socket
        }
        let (regular, _) = try services.join(5)
        try regular.send(last(5))
        guard case .chunkProcessed = try regular.receiveMessage() else {
            Issue.record("agency 5 was not served")
            return
        }
        guard case .error(.deadline, _) = try stalled[0].receiveMessage() else {
            Issue.record("a stalled agency got no error")
            return
        }
        try services.stop()
    }
}

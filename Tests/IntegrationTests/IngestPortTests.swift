import Domain
import Foundation
import Glibc
import TestKit
import Testing
import WireProtocol

/// The real service on its port: restarts, takeover, and whatever bytes may come.
struct IngestPortTests {
    private func last(_ agency: Int, sequence: UInt32 = 1) -> Message {
        .chunk(Samples.chunk(agency: agency, sequence: sequence, isLast: true))
    }

    @Test("one byte at a time, and everything in one segment, are the same messages")
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

    @Test("200 connections with 8 chunks each under way: every answer comes, however their connections end")
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

    @Test("good, bad and good chunk: the bad one is rejected by its bet and consumes its sequence")
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
        "bytes that are no message are answered with an error, and the next agency is served",
        arguments: [
            ([0, 0, 0, 0], ErrorCode.malformedFrame), ([0xFF, 0xFF, 0xFF, 0xFF], .malformedFrame),
            (Array("GET / HTTP/1.1\r\n\r\n".utf8), .malformedFrame), ([0, 0, 0, 1, 0x77], .malformedMessage),
            ([0, 0, 0, 2, 1, 1], .malformedMessage), ([0, 0, 0, 5, 4, 0, 0, 0, 0], .unexpectedMessage),
            ([0, 0, 0, 7, 2, 0, 0, 0, 1, 0, 0], .unexpectedMessage),
            ([0, 0, 0, 4, 1, 3, 9, 9], .unsupportedVersion),
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
            Issue.record("the healthy agency was not served")
            return
        }
        try services.stop()
    }

    @Test("half a message and a close, a reset, and a silent connection leave the next agency served")
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

    @Test("a second connection takes over, and the first is told")
    func takeover() throws {
        let services = try Services(agencies: 1)
        let (first, _) = try services.join(1)
        try first.send(.chunk(Samples.chunk(agency: 1, sequence: 1)))
        guard case .chunkProcessed = try first.receiveMessage() else { return }
        let (second, welcome) = try services.join(1)
        #expect(welcome.nextSequence == 2 && welcome.storedBets == 3)
        guard case .error(.superseded, _) = try first.receiveMessage() else {
            Issue.record("the first was not told")
            return
        }
        #expect(try first.receiveToEnd() == [])
        try second.send(.chunk(Samples.chunk(agency: 1, sequence: 2)))
        guard case .chunkProcessed = try second.receiveMessage() else { return }
        try services.stop()
    }

    @Test("more than a window in flight is not read, and still answered in order")
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

    @Test("frames that wait for memory get it in turn")
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

    @Test("a hello, a frame, and anything at all have deadlines")
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

    @Test("connections beyond the ceiling are refused politely")
    func ceiling() throws {
        let services = try Services(agencies: 2, settings: ["ingest.queueCapacity=2"])
        let first = try services.join(1)
        let second = try services.join(2)
        let third = try TestSocket(services.ingestAddress)
        guard case .error(.busy, _) = try third.receiveMessage() else {
            Issue.record("not refused")
            return
        }
        withExtendedLifetime((first, second)) {}
        try services.stop()
    }

    @Test("connections beyond the ceiling of one address are refused, from another they are not")
    func ceilingOfAddress() throws {
        let services = try Services(agencies: 2, settings: ["ingest.maxPerAddress=1"])
        let first = try TestSocket(services.ingestAddress, from: "127.0.0.2")
        try first.send(.hello(Hello(agency: AgencyID(1))))
        guard case .welcome = try first.receiveMessage() else { return }
        let second = try TestSocket(services.ingestAddress, from: "127.0.0.2")
        guard case .error(.busy, _) = try second.receiveMessage() else {
            Issue.record("not refused")
            return
        }
        let other = try TestSocket(services.ingestAddress, from: "127.0.0.3")
        try other.send(.hello(Hello(agency: AgencyID(2))))
        guard case .welcome = try other.receiveMessage() else {
            Issue.record("refused")
            return
        }
        withExtendedLifetime(first) {}
        try services.stop()
    }

    @Test("agencies that connect and vanish faster than they are served never overflow the queue")
    func churn() throws {
        let services = try Services(agencies: 1, settings: ["ingest.queueCapacity=2"])
        let hello = Message.hello(Hello(agency: AgencyID(1))).encoded
        for _ in 0..<500 {
            let socket = try TestSocket(services.ingestAddress)
            try? socket.send(hello)
            socket.reset()
        }
        // A slot comes back when a worker has seen its connection's end.
        var welcomes = 0
        for _ in 0..<1000 where welcomes == 0 {
            let socket = try TestSocket(services.ingestAddress)
            try socket.send(hello)
            if case .welcome = try socket.receiveMessage() { welcomes += 1 }
        }
        #expect(welcomes == 1)
        try services.stop()
    }

    @Test("who announces frames and does not send them holds nobody up, and is told when others need the memory")
    func stalledFrames() throws {
        // Four frames of 1 MiB are all of the buffer, one is what agencies without a stored chunk share.
        let services = try Services(agencies: 5, settings: ["ingest.bufferBytes=4194304"])
        let stalled = try (1...4).map { agency in
            let (socket, _) = try services.join(agency)
            try socket.send([0, 0x10, 0, 0, 2] + [UInt8](repeating: 0, count: 10 << 10))
            return socket
        }
        let (honest, _) = try services.join(5)
        try honest.send(last(5))
        guard case .chunkProcessed = try honest.receiveMessage() else {
            Issue.record("the honest agency was not served")
            return
        }
        guard case .error(.deadline, _) = try stalled[0].receiveMessage() else {
            Issue.record("a stalled agency was not told")
            return
        }
        try services.stop()
    }
}

import Domain
import Foundation
import Glibc
import TestKit
import Testing
import WireProtocol

/// Stops, kills and restarts of the services, and data that they reject at the start.
struct RestartTests {
    private func sendLast(_ services: Services, agency: Int, sequence: UInt32 = 1) throws {
        let (socket, _) = try services.join(agency)
        try socket.send(.chunk(Samples.chunk(agency: agency, sequence: sequence, isLast: true)))
        guard case .chunkProcessed = try socket.receiveMessage() else {
            throw TestProgram.Failure.deadline("CHUNK_PROCESSED", log: services.ingest.log)
        }
    }

    @Test("acknowledged chunks survive kill -9, and the agency resumes from its position")
    func killed() throws {
        let services = try Services(agencies: 1)
        let (socket, _) = try services.join(1)
        for sequence in 1...3 as ClosedRange<UInt32> {
            try socket.send(.chunk(Samples.chunk(agency: 1, sequence: sequence)))
            guard case .chunkProcessed = try socket.receiveMessage() else { return }
        }
        services.ingest.signal(SIGKILL)
        _ = try services.ingest.waitForExit()
        try services.restartIngest()
        let (again, welcome) = try services.join(1)
        #expect(welcome.nextSequence == 4 && welcome.storedBets == 9 && !welcome.isFinished)
        try again.send(.chunk(Samples.chunk(agency: 1, sequence: 2)))
        #expect(
            try again.receiveMessage()
                == .chunkProcessed(ChunkProcessed(sequence: 2, count: 3, firstBetIndex: 3)))
        try services.stop()
    }

    @Test("SIGTERM in mid-stream: exit code 0, each closed resource logged, and the stream resumes after a restart")
    func terminated() throws {
        let services = try Services(agencies: 1)
        let (socket, _) = try services.join(1)
        try socket.send(.chunk(Samples.chunk(agency: 1, sequence: 1)))
        guard case .chunkProcessed = try socket.receiveMessage() else { return }
        services.ingest.signal(SIGTERM)
        #expect(try services.ingest.waitForExit(seconds: 5) == 0)
        for resource in ["port", "workers", "ledger", "connections", "lock"] {
            try services.ingest.waitForLog("action: close | result: success | resource: \(resource)", seconds: 1)
        }
        guard case .error(.shuttingDown, _) = try socket.receiveMessage() else {
            Issue.record("the agency got no error")
            return
        }
        try services.restartIngest()
        try sendLast(services, agency: 1, sequence: 2)
        try services.stop()
    }

    @Test("after the draw the service keeps running, rejects chunks, and restarts into the same state")
    func afterDraw() throws {
        let services = try Services(agencies: 1)
        try sendLast(services, agency: 1)
        guard case .winners = try services.consult(1) else { return }
        let result = try Data(contentsOf: URL(fileURLWithPath: services.data + "/draws/default/result.json"))
        let ledger = try Data(contentsOf: URL(fileURLWithPath: services.ledger))
        for isRestarted in [false, true] {
            if isRestarted {
                services.ingest.signal(SIGKILL)
                _ = try services.ingest.waitForExit()
                try services.restartIngest()
            }
            let (late, welcome) = try services.join(1)
            #expect(welcome.isFinished)
            try late.send(.chunk(Samples.chunk(agency: 1, sequence: 2)))
            guard case .chunkRejected(let rejected) = try late.receiveMessage() else {
                Issue.record("not rejected")
                return
            }
            #expect(rejected.code == .drawClosed && rejected.message.contains("draw closed"))
        }
        #expect(try Data(contentsOf: URL(fileURLWithPath: services.ledger)) == ledger)
        #expect(
            try Data(contentsOf: URL(fileURLWithPath: services.data + "/draws/default/result.json")) == result)
        try services.stop()
    }

    @Test("a draw interrupted between seal and publication is repeated with the sealed number")
    func interruptedDraw() throws {
        let services = try Services(agencies: 1)
        try sendLast(services, agency: 1)
        guard case .winners(let first) = try services.consult(1) else { return }
        services.ingest.signal(SIGKILL)
        _ = try services.ingest.waitForExit()
        try FileManager.default.removeItem(atPath: services.data + "/draws/default/result.json")
        let again = try TestProgram.start(
            .ingest, data: services.data, agencies: 3, settings: ["draw.winningNumber=1"],
            arguments: ["--exit-after-draw"], in: services.folder.path)
        #expect(try again.waitForExit() == 0, "\(again.log)")
        guard case .winners(first) = try services.consult(1) else {
            Issue.record("another outcome")
            return
        }
        try services.restartIngest()
        try services.stop()
    }

    @Test("a second ingest service on the same data names the process that holds it, and exits with 75")
    func secondService() throws {
        let services = try Services(agencies: 1)
        let second = try TestProgram.start(.ingest, data: services.data, in: services.folder.path)
        #expect(try second.waitForExit() == 75)
        #expect(second.log.contains("is held by bet-ingest, process \(services.ingest.processID) on "))
        try services.stop()
    }

    @Test("a damaged ledger is rejected with its byte position, by the service and by verify; one bit is enough")
    func damage() throws {
        let services = try Services(agencies: 2)
        try sendLast(services, agency: 1)
        services.ingest.signal(SIGTERM)
        _ = try services.ingest.waitForExit()
        var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: services.ledger)))
        bytes[4096 + 90] ^= 0x10
        try Data(bytes).write(to: URL(fileURLWithPath: services.ledger))
        let rejected = try TestProgram("bet-ingest", ["--data", services.data], in: services.folder.path)
        #expect(try rejected.waitForExit() == 65)
        #expect(rejected.log.contains("bets.ledger: byte 4144: a record's checksum is wrong"))
        let verified = try services.command("verify")
        #expect(verified.code == 65 && verified.errors.contains("byte 4144"))
    }

    @Test("a torn last group is cut off and reported")
    func torn() throws {
        let services = try Services(agencies: 2)
        try sendLast(services, agency: 1)
        services.ingest.signal(SIGKILL)
        _ = try services.ingest.waitForExit()
        var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: services.ledger)))
        bytes.replaceSubrange(12288..<12296, with: [1, 2, 3, 4, 5, 6, 7, 8])
        try Data(bytes).write(to: URL(fileURLWithPath: services.ledger))
        #expect(try services.command("verify").output.contains("a group of 8 bytes is incomplete at byte 12288"))
        try services.restartIngest()
        try services.ingest.waitForLog("action: cut_torn_group | result: success | byte: 12288 | bytes: 8")
        let (_, welcome) = try services.join(1)
        #expect(welcome.isFinished)
        try services.stop()
    }

    @Test("a tampered result is not served, and the ingest service does not start with it")
    func tamperedResult() throws {
        let services = try Services(agencies: 1)
        try sendLast(services, agency: 1)
        guard case .winners = try services.consult(1) else { return }
        let path = services.data + "/draws/default/result.json"
        let text = try String(contentsOfFile: path, encoding: .utf8)
        services.winners.signal(SIGTERM)
        services.ingest.signal(SIGTERM)
        _ = try services.winners.waitForExit()
        _ = try services.ingest.waitForExit()
        try text.replacing("7574", with: "7575").write(toFile: path, atomically: true, encoding: .utf8)
        try services.restartWinners()
        try services.winners.waitForLog("action: load_result | result: fail")
        guard case .notDrawnYet = try services.consult(1, waitMilliseconds: 0) else {
            Issue.record("a tampered result was served")
            return
        }
        let rejected = try TestProgram(
            "bet-ingest", ["--data", services.data, "--set", "agencies=1"], in: services.folder.path)
        #expect(try rejected.waitForExit() == 65)
    }

    @Test("the winners service works without the ingest service, and after a restart of its own")
    func winnersAlone() throws {
        let services = try Services(agencies: 1)
        try sendLast(services, agency: 1)
        guard case .winners(let first) = try services.consult(1) else { return }
        services.ingest.signal(SIGTERM)
        _ = try services.ingest.waitForExit()
        guard case .winners(first) = try services.consult(1) else {
            Issue.record("no winners without the ingest service")
            return
        }
        services.winners.signal(SIGTERM)
        #expect(try services.winners.waitForExit() == 0)
        try services.restartWinners()
        guard case .winners(first) = try services.consult(1) else {
            Issue.record("no winners after a restart")
            return
        }
    }

    @Test("zeros after a sealed ledger, left by a crash before its last truncate, are cut off")
    func zerosBehindSeal() throws {
        let services = try Services(agencies: 1)
        try sendLast(services, agency: 1)
        guard case .winners = try services.consult(1) else { return }
        services.ingest.signal(SIGKILL)
        _ = try services.ingest.waitForExit()
        let sealed = try Data(contentsOf: URL(fileURLWithPath: services.ledger))
        try (sealed + Data(repeating: 0, count: 100_000)).write(to: URL(fileURLWithPath: services.ledger))
        try services.restartIngest()
        #expect(try Data(contentsOf: URL(fileURLWithPath: services.ledger)) == sealed)
        try services.stop()
    }

    @Test("an unread log delays neither the agencies nor the exit")
    func blockedLog() throws {
        let services = try Services(agencies: 1)
        let blocked = try TestProgram.start(
            .ingest, data: services.folder.path + "/other", agencies: 1, in: services.folder.path)
        let address = try blocked.waitForAddress()
        blocked.stopReadingLog()
        // Each rejected HELLO logs a line of 150 bytes; a pipe holds 64 KiB.
        for _ in 0..<1000 {
            let socket = try TestSocket(address)
            try socket.send(.hello(Hello(agency: AgencyID(99))))
            guard case .error(.unknownAgency, _) = try socket.receiveMessage() else { break }
        }
        let socket = try TestSocket(address)
        try socket.send(.hello(Hello(agency: AgencyID(1))))
        guard case .welcome = try socket.receiveMessage() else {
            Issue.record("not served")
            return
        }
        blocked.signal(SIGTERM)
        #expect(try blocked.waitForEnd(seconds: 10) == 0)
        try services.stop()
    }
}

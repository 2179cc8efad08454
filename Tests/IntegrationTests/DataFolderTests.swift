import Domain
import Foundation
import Glibc
import TestKit
import Testing
import WireProtocol

/// Changes by users and operators to a data folder: one writer, and the ledger that it opened.
struct DataFolderTests {
    private func last(_ agency: Int, _ sequence: UInt32 = 1) -> Message {
        .chunk(Samples.chunk(agency: agency, sequence: sequence, isLast: true))
    }

    private func sendChunk(_ services: Services, _ agency: Int) throws {
        let (socket, welcome) = try services.join(agency)
        try socket.send(.chunk(Samples.chunk(agency: agency, sequence: welcome.nextSequence)))
        guard case .chunkProcessed = try socket.receiveMessage() else {
            Issue.record("the chunk was not processed")
            return
        }
    }

    @Test("a second service on the same folder ends with 75, even if the lock file was removed")
    func splitLock() throws {
        let services = try Services(agencies: 2)
        try sendChunk(services, 1)
        let ledger = try Data(contentsOf: URL(fileURLWithPath: services.ledger))
        for removesLock in [false, true] {
            if removesLock { try FileManager.default.removeItem(atPath: services.data + "/ingest.lock") }
            let second = try TestProgram.start(
                .ingest, data: services.data, agencies: 2, in: services.folder.path)
            #expect(try second.waitForExit() == 75, "\(second.log)")
        }
        #expect(try Data(contentsOf: URL(fileURLWithPath: services.ledger)) == ledger)
        try sendChunk(services, 2)
        try services.stop()
    }

    @Test(
        "nothing is acknowledged after the ledger was removed, renamed, replaced, cut or overwritten", arguments: 0..<6)
    func lostLedger(_ way: Int) throws {
        let services = try Services(agencies: 2)
        try sendChunk(services, 1)
        let (files, ledger) = (FileManager.default, services.ledger)
        switch way {
        case 0: try files.removeItem(atPath: ledger)
        case 1: try files.moveItem(atPath: ledger, toPath: ledger + ".moved")
        case 2: try files.removeItem(atPath: services.data + "/draws")
        case 3:
            try files.copyItem(atPath: ledger, toPath: ledger + ".copy")
            #expect(rename(ledger + ".copy", ledger) == 0)
        case 4: #expect(truncate(ledger, 0) == 0)
        default:
            let file = try FileHandle(forUpdating: URL(fileURLWithPath: ledger))
            let bytes = try file.readToEnd() ?? Data()
            try file.seek(toOffset: 0)
            try file.write(contentsOf: bytes)
            try file.close()
        }
        let (socket, _) = try services.join(2)
        try socket.send(last(2))
        if let answer = try? socket.receiveMessage(), case .chunkProcessed = answer {
            Issue.record("a chunk was acknowledged into a lost ledger")
        }
        #expect(try services.ingest.waitForExit() == 70)
        #expect(services.ingest.log.contains("was removed, replaced, truncated or modified by another program"))
    }

    @Test("SIGTERM after the draw's folder was removed ends a service with 70, because its ledger cannot be closed")
    func stopWithoutFolder() throws {
        let services = try Services(agencies: 2)
        try sendChunk(services, 1)
        try FileManager.default.removeItem(atPath: services.data + "/draws")
        services.ingest.signal(SIGTERM)
        #expect(try services.ingest.waitForExit() == 70)
        #expect(services.ingest.log.contains("was removed, replaced, truncated or modified by another program"))
        #expect(!FileManager.default.fileExists(atPath: services.ledger))
    }

    @Test(
        "a draw that has lost its ledger is not started anew", arguments: ["progress.json", "result.json"])
    func missingLedger(_ trace: String) throws {
        let services = try Services(agencies: 1)
        try sendChunk(services, 1)
        let (socket, _) = try services.join(1)
        try socket.send(last(1, 2))
        _ = try socket.receiveMessage()
        try services.ingest.waitForLog("action: publish")
        try services.stop()
        let folder = services.data + "/draws/default/"
        for name in ["bets.ledger", "number.json", "winners.list", "progress.json", "result.json"] where name != trace {
            try FileManager.default.removeItem(atPath: folder + name)
        }
        let again = try TestProgram.start(.ingest, data: services.data, in: services.folder.path)
        #expect(try again.waitForExit() == 65)
        #expect(again.log.contains("bets.ledger is missing and") && again.log.contains(trace))
        #expect(!FileManager.default.fileExists(atPath: services.ledger))
    }

    @Test("a service with --expect-ledger does not create a ledger")
    func expectedLedger() throws {
        let folder = try TemporaryFolder()
        let service = try TestProgram.start(
            .ingest, data: folder.path + "/data", arguments: ["--expect-ledger"], in: folder.path)
        #expect(try service.waitForExit() == 65)
        #expect(service.log.contains("is the data folder mounted?"))
    }

    @Test("a ledger older than progress.json is rejected as a copy")
    func olderLedger() throws {
        let services = try Services(agencies: 2)
        try sendChunk(services, 1)
        services.ingest.signal(SIGKILL)
        _ = try services.ingest.waitForExit()
        let copy = services.folder.path + "/copy"
        try FileManager.default.copyItem(atPath: services.ledger, toPath: copy)
        try services.restartIngest()
        let (socket, _) = try services.join(1)
        try socket.send(last(1, 2))
        _ = try socket.receiveMessage()
        for _ in 0..<100 {
            // Each consultation is parked briefly, until progress.json counts the agency.
            if case .notDrawnYet(let answer) = try services.consult(2, waitMilliseconds: 50),
                answer.finishedAgencies == 1
            {
                break
            }
        }
        services.ingest.signal(SIGTERM)
        _ = try services.ingest.waitForExit()
        try FileManager.default.removeItem(atPath: services.ledger)
        try FileManager.default.moveItem(atPath: copy, toPath: services.ledger)
        let again = try TestProgram.start(
            .ingest, data: services.data, agencies: 2, in: services.folder.path)
        #expect(try again.waitForExit() == 65)
        #expect(again.log.contains("agency 1 had finished"))
    }

    @Test("fewer agencies than at the start of the draw are an error before the seal and have no effect after it")
    func fewerAgencies() throws {
        let services = try Services(agencies: 3)
        for agency in [1, 2] {
            let (socket, _) = try services.join(agency)
            try socket.send(last(agency))
            _ = try socket.receiveMessage()
        }
        services.ingest.signal(SIGTERM)
        _ = try services.ingest.waitForExit()
        func start(_ agencies: Int) throws -> TestProgram {
            try TestProgram.start(
                .ingest, data: services.data, agencies: agencies, listen: "\(services.ingestAddress)",
                in: services.folder.path)
        }
        let rejected = try start(2)
        #expect(try rejected.waitForExit() == 78)
        #expect(rejected.log.contains("agencies is 2 and the draw was begun with 3"))
        try services.restartIngest()
        let (socket, _) = try services.join(3)
        try socket.send(last(3))
        _ = try socket.receiveMessage()
        try services.ingest.waitForLog("action: publish")
        services.ingest.signal(SIGTERM)
        _ = try services.ingest.waitForExit()
        // Sealed with 3: both services use that number, whatever their configuration says.
        let fewer = try start(1)
        _ = try fewer.waitForAddress()
        let (_, welcome) = try services.join(3)
        #expect(welcome.isFinished)
        services.winners.signal(SIGTERM)
        _ = try services.winners.waitForExit()
        let winners = try TestProgram.start(
            .winners, data: services.data, agencies: 1, listen: "\(services.winnersAddress)", in: services.folder.path)
        _ = try winners.waitForAddress()
        try winners.waitForLog("action: load_result | result: success")
        guard case .winners = try services.consult(3) else {
            Issue.record("agency 3 of 3 did not get its winners")
            return
        }
        fewer.signal(SIGTERM)
        winners.signal(SIGTERM)
        _ = try fewer.waitForExit()
        _ = try winners.waitForExit()
    }

    @Test("winners-service withdraws a removed draw, and later sends the new draw's winners")
    func removedDraw() throws {
        let services = try Services(agencies: 1)
        let (socket, _) = try services.join(1)
        try socket.send(last(1))
        _ = try socket.receiveMessage()
        try services.winners.waitForLog("action: load_result | result: success")
        services.ingest.signal(SIGTERM)
        _ = try services.ingest.waitForExit()
        try FileManager.default.removeItem(atPath: services.data + "/draws")
        try services.winners.waitForLog("action: withdraw_result")
        try services.restartIngest()
        guard case .notDrawnYet = try services.consult(1, waitMilliseconds: 0) else {
            Issue.record("the old draw's winners were sent")
            return
        }
        let (again, _) = try services.join(1)
        let bet = Samples.documentedBets[0]
        try again.send(.chunk(Samples.chunk(sequence: 1, bets: [bet], isLast: true)))
        _ = try again.receiveMessage()
        try services.winners.waitForLog("action: load_result | result: success", count: 2)
        #expect(
            try services.consult(1)
                == .winners(Winners(winningNumber: 7574, hasMore: false, documents: [bet.document])))
        try services.stop()
    }

    @Test("published files of another draw beside an open one are not served")
    func foreignResult() throws {
        let other = try Services(agencies: 1)
        let (finished, _) = try other.join(1)
        try finished.send(.chunk(Samples.chunk(sequence: 1, bets: [Samples.documentedBets[0]], isLast: true)))
        _ = try finished.receiveMessage()
        try other.ingest.waitForLog("action: publish")
        try other.stop()

        let services = try Services(agencies: 2)
        let waiting = try TestSocket(services.winnersAddress)
        try waiting.send(.hello(Hello(agency: AgencyID(1))))
        _ = try waiting.receiveMessage()
        try waiting.send(.consultWinners(waitMilliseconds: 600_000))
        let folder = services.data + "/draws/default/"
        for name in ["winners.list", "result.json"] {
            try FileManager.default.copyItem(
                atPath: other.data + "/draws/default/" + name, toPath: folder + name + ".copy")
            #expect(rename(folder + name + ".copy", folder + name) == 0)
        }
        try services.winners.waitForLog("the ledger beside it is")
        #expect(!services.winners.log.contains("action: load_result | result: success"))
        guard case .notDrawnYet = try services.consult(1, waitMilliseconds: 0) else {
            Issue.record("another draw's winners were sent")
            return
        }
        for program in [services.ingest, services.winners] { program.signal(SIGTERM) }
        for program in [services.ingest, services.winners] { #expect(try program.waitForExit() == 0) }
    }

    @Test("a progress.json that cannot be written does not stop the draw")
    func unwritableProgress() throws {
        let services = try Services(agencies: 1)
        services.ingest.signal(SIGTERM)
        _ = try services.ingest.waitForExit()
        let progress = services.data + "/draws/default/progress.json"
        try? FileManager.default.removeItem(atPath: progress)
        try FileManager.default.createDirectory(atPath: progress, withIntermediateDirectories: false)
        try services.restartIngest()
        try services.ingest.waitForLog("action: write_progress | result: fail")
        let (socket, _) = try services.join(1)
        try socket.send(last(1))
        _ = try socket.receiveMessage()
        try services.ingest.waitForLog("action: publish")
        guard case .winners = try services.consult(1) else {
            Issue.record("no winners")
            return
        }
        try services.stop()
    }

    @Test("files with names and documents have mode 0600, and their folders 0700")
    func modes() throws {
        let services = try Services(agencies: 1)
        let (socket, _) = try services.join(1)
        try socket.send(last(1))
        _ = try socket.receiveMessage()
        try services.ingest.waitForLog("action: publish")
        try services.stop()
        let folder = services.data + "/draws/default"
        func mode(_ path: String) -> mode_t {
            var status = stat()
            return stat(path, &status) == 0 ? status.st_mode & 0o777 : 0
        }
        for file in ["bets.ledger", "result.json", "winners.list", "progress.json"] {
            #expect(mode("\(folder)/\(file)") == 0o600, "\(file)")
        }
        #expect(mode(services.data + "/ingest.lock") == 0o600)
        for path in [services.data, services.data + "/draws", folder] { #expect(mode(path) == 0o700, "\(path)") }
    }

    @Test("a link in place of a draw's file is not followed, and a FIFO is an error")
    func oddFiles() throws {
        let services = try Services(agencies: 2)
        try sendChunk(services, 1)
        services.ingest.signal(SIGTERM)
        _ = try services.ingest.waitForExit()
        let folder = services.data + "/draws/default/"
        let victim = services.folder.path + "/victim"
        try Data("mine".utf8).write(to: URL(fileURLWithPath: victim))
        #expect(symlink(victim, folder + "progress.json.new") == 0)
        try? FileManager.default.removeItem(atPath: folder + "progress.json")
        try services.restartIngest()
        #expect(try Data(contentsOf: URL(fileURLWithPath: victim)) == Data("mine".utf8))
        services.ingest.signal(SIGTERM)
        _ = try services.ingest.waitForExit()
        try FileManager.default.moveItem(atPath: services.ledger, toPath: services.ledger + ".away")
        #expect(mkfifo(services.ledger, 0o600) == 0)
        let again = try TestProgram.start(
            .ingest, data: services.data, agencies: 2, in: services.folder.path)
        #expect(try again.waitForExit() == 70)
        #expect(again.log.contains("bets.ledger is not a regular file"))
    }
}

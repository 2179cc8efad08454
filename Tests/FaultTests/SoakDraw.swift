import Domain
import Foundation
import Glibc
import Platform
import TestKit
import Testing

/// A draw whose programs are killed with SIGKILL at moments that the seed chooses, and restarted.
///
/// Moments are events in the programs' logs. The lag of the log's thread makes them vary between log lines.
final class SoakDraw {
    enum Victim: String, CaseIterable {
        case ingest, winners, agency
        /// Both services and an agency at once.
        case all
    }

    let name: String
    private var dice: SeededGenerator
    private let folder: TemporaryFolder
    private let rows: [[String]]
    private let expectedWinners: [[String]]
    private var ingest: TestProgram
    private var winners: TestProgram
    private var agencies: [TestProgram] = []
    private let ingestAddress: Endpoint
    private let winnersAddress: Endpoint
    /// How often bet-ingest was killed in each stage.
    private(set) var stages: [String: Int] = [:]
    /// The logs of killed programs.
    private var pastLogs = ""

    private var data: String { folder.path + "/data" }
    private var isPublished: Bool { FileManager.default.fileExists(atPath: data + "/draws/default/result.json") }

    init(seed: UInt64) throws {
        name = "SOAK_SEED=\(seed)"
        var dice = SeededGenerator(seed: seed)
        let counts = (0..<Int.random(in: 2...4, using: &dice)).map { _ in Int.random(in: 40...250, using: &dice) }
        let bets = counts.enumerated().map { agency, count in
            (0..<count).map { index in
                var bet = Samples.bet(agency * 1000 + index)
                if Int.random(in: 0..<10, using: &dice) == 0 { bet.number = 7574 }
                return bet
            }
        }
        rows = bets.map { $0.map { "\($0.firstName),\($0.lastName),\($0.document),\($0.birthdate),\($0.number)" } }
        expectedWinners = bets.map { $0.filter { $0.number == 7574 }.map(\.document).sorted() }
        folder = try TemporaryFolder()
        for (index, rows) in rows.enumerated() {
            _ = try folder.write("agency-\(index + 1).csv", Array((rows.joined(separator: "\r\n") + "\r\n").utf8))
        }
        // A separate address: on 127.0.0.1 a client may take the port of a service that is down.
        let any = Endpoint(host: "127.0.0.2", port: 0)
        winners = try Self.service(.winners, any, folder, agencies: counts.count)
        ingest = try Self.service(.ingest, any, folder, agencies: counts.count)
        ingestAddress = try ingest.waitForAddress()
        winnersAddress = try winners.waitForAddress()
        self.dice = dice
        agencies = try counts.indices.map(startAgency)
    }

    private static func service(
        _ service: TestService, _ address: Endpoint, _ folder: TemporaryFolder, agencies: Int
    ) throws -> TestProgram {
        try TestProgram.start(
            service, data: folder.path + "/data", agencies: agencies, listen: "\(address)", in: folder.path)
    }

    private func startAgency(_ index: Int) throws -> TestProgram {
        let settings = [
            "ingest.address=\(ingestAddress)", "winners.address=\(winnersAddress)",
            // A different size each time: positions in the stream are counted in bets.
            "batch.maxAmount=\(Int.random(in: 1...5, using: &dice))",
            "retry.initialMilliseconds=2", "retry.maxMilliseconds=30",
        ]
        return try TestProgram(
            "agency",
            ["--id", "\(index + 1)", "--file", "\(folder.path)/agency-\(index + 1).csv", "--output", "json"]
                + settings.flatMap { ["--set", $0] }, in: folder.path)
    }

    private func startIngest() throws {
        ingest = try Self.service(.ingest, ingestAddress, folder, agencies: rows.count)
    }

    private func startWinners() throws {
        winners = try Self.service(.winners, winnersAddress, folder, agencies: rows.count)
    }
}

// MARK: - Kills

extension SoakDraw {
    /// Waits for a moment, kills a victim and restarts it.
    ///
    /// - Returns: the victim; nil if every agency has ended.
    func kill() throws -> Victim? {
        let running = agencies.indices.filter { !agencies[$0].log.contains("action: exit") }
        guard let index = running.randomElement(using: &dice) else { return nil }
        let victim =
            [.ingest, .ingest, .ingest, .agency, .agency, .winners, .all].randomElement(using: &dice) ?? Victim.all
        switch victim {
        case .ingest, .all: try waitForMomentOfIngest()
        case .winners: try waitForMomentOfWinners()
        case .agency: try waitForMomentOfAgency(index)
        }
        if victim == .ingest || victim == .all { ingest.signal(SIGKILL) }
        if victim == .winners || victim == .all { winners.signal(SIGKILL) }
        if victim == .agency || victim == .all { agencies[index].signal(SIGKILL) }
        if victim == .ingest || victim == .all {
            try bury(ingest)
            stages[stageOfIngest, default: 0] += 1
            try startIngest()
        }
        if victim == .winners || victim == .all {
            try bury(winners)
            try startWinners()
        }
        if victim == .agency || victim == .all {
            try bury(agencies[index], mayHaveEnded: true)
            agencies[index] = try startAgency(index)
        }
        return victim
    }

    private var stageOfIngest: String {
        let log = ingest.log
        if !log.contains("open_ledger") { return "recovering" }
        if log.contains("remaining: 0"), !log.contains("action: publish") { return "drawing" }
        return isPublished ? "published" : "streaming"
    }

    /// Waits for the end of a killed program.
    private func bury(_ program: TestProgram, mayHaveEnded: Bool = false) throws {
        let code = try program.waitForExit()
        #expect(code == -SIGKILL || mayHaveEnded && code == 0, "\(name): \(program.log)")
        pastLogs += program.log + "\n"
    }

    /// Waits for one of: no delay, recovery, mid-stream, an agency's finish, the draw.
    private func waitForMomentOfIngest() throws {
        // A start that finds the result logs no further events.
        if isPublished { return }
        let received = ingest.log.components(separatedBy: "apuesta_recibida").count - 1
        let ends = ["action: publish"]
        switch Int.random(in: 0..<20, using: &dice) {
        case 0: break
        case 1: try ingest.waitForLog("open_ledger")
        case 2: try ingest.waitForLog("agency_finished", orAny: ends)
        case 3: try ingest.waitForLog("remaining: 0", orAny: ends)
        case 4: try ingest.waitForLog("sorteo")
        default:
            let count = received + Int.random(in: 1...40, using: &dice)
            try ingest.waitForLog("apuesta_recibida", count: count, orAny: ends)
        }
    }

    /// Waits for one of: no delay, its start of service, a moment of bet-ingest, its load of the result.
    private func waitForMomentOfWinners() throws {
        switch Int.random(in: 0..<10, using: &dice) {
        case 0: break
        case 1: try winners.waitForLog("accept_connections")
        case 2: try winners.waitForLog("load_result")
        default: try waitForMomentOfIngest()
        }
    }

    /// Waits for one of: no delay, mid-stream, the end of sending, the consultation.
    private func waitForMomentOfAgency(_ index: Int) throws {
        let agency = agencies[index]
        let ends = ["action: exit"]
        switch Int.random(in: 0..<8, using: &dice) {
        case 0: break
        case 1: try agency.waitForLog("resource: connection to \(ingestAddress)", orAny: ends)
        case 2: try agency.waitForLog("consulta_ganadores", orAny: ends)
        default:
            let sent = agency.log.components(separatedBy: "apuesta_enviada").count - 1
            let count = sent + Int.random(in: 1...20, using: &dice)
            try agency.waitForLog(
                "apuesta_enviada", count: count, orAny: ends + ["resource: connection to \(ingestAddress)"])
        }
    }

    /// The logs of all programs so far.
    var logs: String {
        ([pastLogs, "bet-ingest:", ingest.log, "winners-service:", winners.log] + agencies.map(\.log))
            .joined(separator: "\n")
    }
}

// MARK: - The end

extension SoakDraw {
    private struct Output: Decodable {
        var bets: Int
        var winners: [String]
    }

    /// Waits for the agencies to finish, ends the services, and checks the results.
    func finish() throws {
        for (index, agency) in agencies.enumerated() {
            #expect(try agency.waitForExit() == 0, "\(name): \(agency.log)")
            let output = try JSONDecoder().decode(Output.self, from: Data(agency.standardOutput.utf8))
            #expect(output.winners.sorted() == expectedWinners[index], "\(name), agency \(index + 1)")
            #expect(output.bets == rows[index].count, "\(name), agency \(index + 1)")
        }
        let signal = Bool.random(using: &dice) ? SIGTERM : SIGKILL
        for service in [ingest, winners] {
            service.signal(signal)
            #expect(try service.waitForExit() == (signal == SIGTERM ? 0 : -SIGKILL), "\(name): \(service.log)")
        }
        let verified = try command("verify")
        #expect(verified.code == 0, "\(name): \(verified.errors)")
        #expect(verified.output.contains("drawn again from the ledger with the same outcome"), "\(name)")
        let exported = try command("export")
        let sent = rows.enumerated().flatMap { index, rows in rows.map { "\(index + 1),\($0)" } }
        #expect(exported.code == 0, "\(name): \(exported.errors)")
        #expect(
            exported.output.split(whereSeparator: \.isNewline).map(String.init).sorted() == sent.sorted(), "\(name)")
        let faults = logs.split(separator: "\n").filter { $0.contains(" ERROR ") || $0.contains(" CRITICAL ") }
        #expect(faults.isEmpty, "\(name)")
    }

    private func command(_ command: String) throws -> (code: Int32, output: String, errors: String) {
        let program = try TestProgram(
            "bet-ingest", [command, "--data", data, "--set", "agencies=\(rows.count)"], in: folder.path)
        let code = try program.waitForExit()
        return (code, program.standardOutput, program.log)
    }
}

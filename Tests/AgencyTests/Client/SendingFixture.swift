import Domain
import InMemoryLogging
import Logging
import Shell
import TestKit

@testable import Agency

/// An agency with a file on a simulated disk.
struct SendingFixture {
    let disk = SimulatedDisk()
    let link: ScriptedLink
    let lines = InMemoryLogHandler()
    let told = Told()
    var maxBets = 10
    var retrySeconds = 300
    var path: String { "bets.csv" }

    /// Lines written to standard error.
    final class Told {
        var lines: [String] = []
    }

    init(_ rows: [String], _ link: ScriptedLink) {
        self.link = link
        write(rows)
    }

    init(_ rows: [String], _ service: ModelService) {
        self.init(rows, ScriptedLink(service))
    }

    func write(_ rows: [String]) {
        disk.put(path, Array(rows.map { $0 + "\n" }.joined().utf8))
    }

    /// Returns valid lines of a file.
    static func rows(_ count: Int) -> [String] {
        (0..<count).map(Samples.bet).map(row)
    }

    static func row(_ bet: Bet) -> String {
        "\(bet.firstName),\(bet.lastName),\(bet.document),\(bet.birthdate),\(bet.number)"
    }

    var log: [String] { lines.entries.map { "\($0.message)" } }

    var eventLog: EventLog {
        let lines = lines
        var logger = Logger(label: "test") { _ in lines }
        logger.logLevel = .info
        return EventLog(logger, format: .text)
    }

    func rejectedReport() -> RowReport {
        .rejected(of: path, on: disk) { [told] in told.lines.append($0) }
    }

    func stream() throws -> BetStream {
        let reader = BetFileReader(try BetFile(path, on: disk), today: Samples.today)
        let invalid = RowReport.invalid(of: path, on: disk) { [told] in told.lines.append($0) }
        let check = try BetFileCheck(reader, invalid: invalid)
        return BetStream(reader: reader, check: check, packer: ChunkPacker(maxBets: maxBets, maxBytes: 8192))
    }

    func dialog(_ rerun: AgencyError.Rerun = .resumes) throws -> ServiceDialog {
        let settings = ["retry.deadlineSeconds": "\(retrySeconds)"]
        let configuration = try ServiceConfiguration(flags: settings, environment: [:], file: nil)
        return ServiceDialog(
            endpoints: configuration.ingest.addresses, configuration: configuration, link: link, rerun: rerun,
            log: eventLog)
    }

    func sender() throws -> BetSender {
        BetSender(stream: try stream(), rejected: rejectedReport(), log: eventLog)
    }

    /// Sends the file in a complete run, like a new process.
    @discardableResult
    func send() throws -> BetSender.Totals {
        var sender = try sender()
        var dialog = try dialog()
        return try sender.run(&dialog)
    }
}

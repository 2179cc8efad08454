import ArgumentParser
import NIOPosix
import Shared

enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
    case text
    case json
}

struct SendCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "send",
        abstract: "Send a file's bets and print the agency's winners (the default).")

    @OptionGroup var options: ConfigurationOptions

    @Option(help: "The agency's number, from 1: short for --set agency.id=… (or CLI_ID).")
    var id: String?

    @Option(help: ArgumentHelp("The CSV of bets: short for --set agency.file=…", valueName: "csv"))
    var file: String?

    @Option(help: "How to print the outcome: text or json.")
    var output = OutputFormat.text

    func run() throws {
        StopSignals.block()
        try ProgramExit.run {
            let configuration = try options.load(flags: ["agency.id": id, "agency.file": file])
            let run = AgencyRun(configuration: configuration)
            try run.log.bracketing { try send(run) }
        }
    }

    private func send(_ run: AgencyRun) throws {
        let configuration = run.configuration
        let path = configuration.agencyFile
        run.log(.config(configuration.values))
        let rejected = RejectedRows(path: path)
        var sender = BetSender(
            path: path, stream: try stream(run, rejected: rejected), rejected: rejected, log: run.log)
        let outcome = try run.untilStopped { group in
            var ingest = run.dialog(configuration.ingest.address, group)
            let totals = try sender.run(&ingest)
            var winners = run.dialog(configuration.winners.address, group)
            let consultation = WinnersConsultation(
                drawDeadline: configuration.retry.drawDeadline, mailbox: run.mailbox)
            return (totals, try consultation.run(&winners))
        }
        guard let (totals, winners) = outcome else { return }
        run.log(
            .winnersConsulted(count: winners.documents.count, agency: configuration.agency))
        let report = AgencyReport(
            agency: configuration.agency, totals: totals, faultyRows: rejected.faultyCount,
            winners: winners)
        try writeOutput(output == .json ? report.json : report.text)
        guard report.lostRows > 0 else { return }
        let paths = totals.refused > 0 ? "\(rejected.rejectedPath), \(rejected.refusedPath)" : rejected.rejectedPath
        run.log(.rowsRejected(count: report.lostRows, path: paths))
        throw ProgramExit.data.code
    }

    private func stream(_ run: AgencyRun, rejected: RejectedRows) throws -> BetStream {
        let configuration = run.configuration
        let mailbox = run.mailbox
        do throws(DiskError) {
            let reader = try BetFileReader(
                configuration.agencyFile,
                today: Birthdate(unixMilliseconds: SystemCall.unixMilliseconds()), on: PosixDisk())
            let packer = ChunkPacker(
                maxBets: configuration.maxChunkBets, maxBytes: configuration.maxChunkBytes)
            return BetStream(reader: reader, packer: packer, rejected: rejected) {
                mailbox.waitForStop(until: .now)
            }
        } catch {
            throw AgencyError.file(error)
        }
    }
}

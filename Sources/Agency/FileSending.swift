import Shell
import Storage
import WireProtocol

/// A run of `agency send`: checks the file, sends its bets, asks for the winners.
///
/// Isolation: the main thread; it blocks.
final class FileSending {
    private let run: AgencyRun
    private let skipsInvalid: Bool
    private let path: String
    private let invalid: RowReport
    private let rejected: RowReport
    private var sender: BetSender?

    init(run: AgencyRun, skipsInvalid: Bool) {
        self.run = run
        self.skipsInvalid = skipsInvalid
        path = run.configuration.agencyFile
        let disk = PosixDisk()
        invalid = .invalid(of: path, on: disk) { writeError($0) }
        rejected = .rejected(of: path, on: disk) { writeError($0) }
    }

    /// Runs the whole work.
    ///
    /// - Throws: any error that kept the agency from finishing or from receiving its winners; ``Stopped``.
    func run(_ link: any ServiceLink) throws -> AgencyReport {
        let configuration = run.configuration
        defer { rejected.finish() }
        var sender = BetSender(stream: try checkedStream(), rejected: rejected, log: run.log)
        self.sender = sender
        defer { self.sender = sender }
        var ingest = run.dialog(configuration.ingest.addresses, link, .resumes)
        let totals = try sender.run(&ingest)
        let winners = try run.winners(link, .resumes, draw: ingest.hello.draw, maxWinners: totals.stored)
        return AgencyReport(
            agency: configuration.agency, totals: totals, invalidLines: invalid.count, winners: winners)
    }

    var undone: String {
        let rerun = "run the same command again: it resumes"
        guard let sender, sender.isWelcomed else { return "nothing was sent; \(rerun)" }
        let recorded = "of \(path) the service has recorded \(Figures.counted(sender.totals.recorded, "bet"))"
        if sender.isFinished, sender.unansweredCount == 0 {
            return "\(recorded) and the agency has finished; its winners have not arrived: \(rerun), or agency winners"
        }
        let unanswered = sender.unansweredCount
        let answers = unanswered > 0 ? ", \(Figures.counted(unanswered, "chunk")) without an answer" : ""
        return "\(recorded)\(answers), and the agency is not known to have finished; \(rerun)"
    }

    /// Logs which files list the lines that are not in the draw.
    func logLists(_ totals: BetSender.Totals) {
        for (report, count) in [(invalid, invalid.count), (rejected, totals.rejected)] where count > 0 {
            let told = report.count > 0 ? "standard error" : "nowhere, an earlier run ended before it could list them"
            run.log(.rowsRejected(count: count, path: report.exists ? report.path : told))
        }
    }

    /// Checks the whole file.
    ///
    /// - Throws: ``AgencyError``, ``NotRegularFile``, ``WrongForm``, ``BetFileChange``, ``Stopped``.
    private func checkedStream() throws -> BetStream {
        let configuration = run.configuration
        let today = try AgencyRun.today()
        let reader = BetFileReader(try open(), today: today) { [run] in run.stopSignal }
        let bar = ProgressBar(label: "check", unit: "bets")
        defer { bar.finish() }
        let check = try BetFileCheck(reader, invalid: invalid) { bytes, bets in
            bar.update(bytes, of: reader.file.stamp.size, count: bets)
        }
        let isListed = invalid.finish()
        // A file without a valid line must not finish the agency, even if invalid lines are skipped.
        if check.invalidLines > 0, !skipsInvalid || check.bets == 0 {
            throw AgencyError.invalidLines(
                InvalidLines(
                    path: path, bets: check.bets, count: check.invalidLines, first: check.firstInvalid,
                    list: isListed ? invalid.path : nil))
        }
        let packer = ChunkPacker(
            maxBets: configuration.maxChunkBets, maxBytes: configuration.maxChunkBytes)
        return BetStream(reader: reader, check: check, packer: packer)
    }

    private func open() throws -> BetFile {
        do {
            try RegularFile.check(path)
            let file = try BetFile(path, on: PosixDisk())
            try file.waitUntilSettled()
            return file
        } catch let error as DiskError {
            throw AgencyError.file(error)
        }
    }
}

extension AgencyRun {
    /// Asks for the winners and blocks until they arrive; a terminal shows the progress of the draw.
    func winners(
        _ link: any ServiceLink, _ rerun: AgencyError.Rerun, draw: String? = nil, maxWinners: Int? = nil
    ) throws -> WinnersConsultation.Outcome {
        var dialog = dialog(configuration.winners.addresses, draw: draw, link, rerun)
        var consultation = WinnersConsultation(drawDeadline: configuration.retry.drawDeadline)
        if let maxWinners { consultation.maxWinners = maxWinners }
        let line = DrawStatusLine()
        defer { line.finish() }
        if DrawStatusLine.isWatched { consultation.waiting = { line.show($0) } }
        return try consultation.run(&dialog)
    }
}

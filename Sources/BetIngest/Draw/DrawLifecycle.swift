import Shared

/// What becomes of a draw: open, sealed, published.
///
/// Each step is durable before the next one begins.
///
/// Isolation: the main thread. It blocks on the disk, and on nothing else: what it waits for comes as an event.
struct DrawLifecycle {
    private let configuration: ServiceConfiguration
    private let core: IngestCore
    private let disk: any Disk
    private let log: EventLog
    private let isStopping: () -> Bool
    private var progress: DrawProgress
    private(set) var isPublished: Bool

    private var folder: DrawFolder { configuration.folder }

    /// Goes on where the ledger and the published result stand, and writes progress.json where it says something else.
    ///
    /// - Parameter isStopping: asked during the draw.
    init(
        configuration: ServiceConfiguration, contents: LedgerContents, published: DrawResult?, core: IngestCore,
        disk: any Disk, log: EventLog, isStopping: @escaping () -> Bool
    ) throws(DiskError) {
        self.configuration = configuration
        self.core = core
        self.disk = disk
        self.log = log
        self.isStopping = isStopping
        isPublished = published != nil
        progress = DrawProgress(
            draw: configuration.folder.draw,
            state: published != nil ? .published : contents.standings.seal != nil ? .sealed : .open,
            expectedAgencies: configuration.agencies,
            finishedAgencies: contents.standings.finishedAgencies)
        try writeProgress()
    }

    /// Agencies' last chunks have become durable.
    mutating func agenciesFinished(_ agencies: [AgencyID]) throws(DiskError) {
        progress.finishedAgencies = (progress.finishedAgencies + agencies).sorted()
        try writeProgress()
    }

    /// Every agency has finished: closes the draw, unless it is published.
    ///
    /// The committer says when the seal is durable.
    func close() {
        guard !isPublished else { return }
        core.committer.seal(
            winningNumber: configuration.winningNumber, method: "configured", agencies: configuration.agencies)
    }

    /// The ledger is sealed, durably: draws from it, and publishes.
    ///
    /// Nothing happens where a stop comes first: the restart goes on from the seal.
    mutating func draw(_ seal: SealRecord) throws {
        guard !isPublished else { return }
        progress.state = .sealed
        try writeProgress()
        let draw = Draw(folder: folder, disk: disk, isStopping: isStopping)
        guard let result = try draw.run(seal) else { return }
        try DurableFile.replace(folder.result, with: result.fileBytes, on: disk)
        isPublished = true
        core.consultations.publish(result)
        progress.state = .published
        try writeProgress()
        log(
            .drawn(
                number: result.winningNumber, bets: result.bets,
                winners: result.agencies.reduce(0) { $0 + $1.winners.count }))
        log(.published(path: folder.result))
    }

    /// Replaces progress.json where it says something else.
    private func writeProgress() throws(DiskError) {
        guard try DurableFile.read(folder.progress, on: disk) != progress.fileBytes else { return }
        try DurableFile.replace(folder.progress, with: progress.fileBytes, on: disk)
    }
}

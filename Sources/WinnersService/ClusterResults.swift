import Domain
import Ledger
import LedgerOnJetStream
import ReplicatedLedger
import Shell
import Storage

/// Fetches the results of a cluster's draws into the data folder, from which the service answers.
///
/// A result that is in the folder is served also while the cluster is away. A result is checked against its winners'
/// SHA-256 before it is published here.
///
/// Isolation: a thread of its own, which blocks on the disk and the engine.
final class ClusterResults: Sendable {
    private let cluster: ServiceConfiguration.Cluster
    private let data: String
    private let name: String
    private let disk: any Disk
    private let log: EventLog
    private let feed = DocumentFeed()

    private static let connectInterval = Duration.seconds(1)
    private static let retryInterval = Duration.seconds(1)

    init(
        _ configuration: ServiceConfiguration, _ cluster: ServiceConfiguration.Cluster, on disk: any Disk, log: EventLog
    ) {
        self.cluster = cluster
        self.disk = disk
        self.log = log
        data = configuration.data
        name = "winners-service \(configuration.winners.listen)"
    }

    func stop() { feed.stop() }

    /// The body of the thread.
    func run() {
        guard let engine = connect() else { return }
        let documents = EngineDocuments(engine) { [feed] in feed.isStopped }
        var last: UInt64 = 0
        var pending: [DrawID: DrawResult] = [:]
        var retry: ContinuousClock.Instant?
        while true {
            let stored = feed.next(of: documents, after: last, until: retry)
            if feed.isStopped { return }
            if let stored {
                last = stored.sequence
                guard let (draw, name) = EngineDocuments.document(ofSubject: stored.subject) else { continue }
                do {
                    guard let result = try take(name, stored.bytes, of: draw) else { continue }
                    pending[draw] = result
                } catch {
                    log(.resultRejected(path: EngineDocuments.origin(name, of: draw), reason: "\(error)"))
                    continue
                }
            }
            for result in pending.values { fetch(result, documents, &pending) }
            retry = pending.isEmpty ? nil : .now + Self.retryInterval
        }
    }

    /// Connects; tries again while the cluster is away.
    ///
    /// - Returns: nil after a stop.
    private func connect() -> (any LedgerEngine)? {
        var isReported = false
        while true {
            do {
                return try JetStreamLedger.connect(
                    cluster, name: name, didChange: { [log] in log(.cluster($0)) },
                    hear: { [feed] in if $0 == .document { feed.hear() } }
                ).engine
            } catch {
                if !isReported { log(.clusterLost(reason: "\(error)")) }
                isReported = true
            }
            if feed.waitForStop(within: Self.connectInterval) { return nil }
        }
    }

    private func folder(_ draw: DrawID) -> DrawFolder { DrawFolder(data: data, draw: draw) }

    /// Takes a document: terms and their end become the draw's progress, so that agencies may ask before the result.
    ///
    /// - Returns: a result that is to be fetched.
    private func take(_ name: String, _ bytes: [UInt8], of draw: DrawID) throws -> DrawResult? {
        let folder = folder(draw)
        guard disk.stamp(folder.result) == nil else { return nil }
        let path = EngineDocuments.origin(name, of: draw)
        switch name {
        case PublishedDocuments.result:
            return try DrawResult(fileBytes: bytes)
        case DrawTerms.name:
            let terms = try DrawTerms(fileBytes: bytes, of: draw, path: path)
            guard let ledgerID = UInt64(terms.ledgerID, radix: 16) else { return nil }
            try disk.makeFolder(folder.path)
            try write(
                DrawProgress(
                    draw: draw, ledgerID: ledgerID, state: .open, agencies: terms.drawAgencies, finishedAgencies: [],
                    cutOff: terms.cutOff), to: folder)
        case DrawEnd.name:
            guard let end = DrawEnd(bytes) else { return nil }
            try change(folder) { $0.cutOff = end.cutOff }
        case VoidDraw.name:
            try VoidDraw(fileBytes: bytes, of: draw, path: path).write(to: folder, on: disk)
            try change(folder) { $0.state = .void }
        default:
            break
        }
        return nil
    }

    private func write(_ progress: DrawProgress, to folder: DrawFolder) throws {
        guard try DurableFile.read(folder.progress, on: disk) != progress.fileBytes else { return }
        try DurableFile.replace(folder.progress, with: progress.fileBytes, on: disk)
    }

    private func change(_ folder: DrawFolder, _ body: (inout DrawProgress) -> Void) throws {
        guard let bytes = try DurableFile.read(folder.progress, on: disk), var progress = DrawProgress(fileBytes: bytes)
        else { return }
        body(&progress)
        try write(progress, to: folder)
    }

    /// Fetches the winners of a result, checks them, and publishes both; a result that cannot be fetched stays pending.
    private func fetch(_ result: DrawResult, _ documents: EngineDocuments, _ pending: inout [DrawID: DrawResult]) {
        let folder = folder(result.draw)
        let path = folder.winners + ".new"
        do {
            try disk.makeFolder(folder.path)
            let file = try disk.open(path, .replace)
            var offset = 0
            for index in 0..<PublishedDocuments.partCount(of: result) {
                let key = EngineDocuments.key(PublishedDocuments.part(index), of: result.draw)
                guard let part = try documents.read(key) else { return }
                try file.writeAll(part.bytes, at: offset)
                offset += part.bytes.count
            }
            try file.sync()
            _ = try WinnersFile(path, of: result, on: disk)
            try disk.rename(path, to: folder.winners)
            try disk.syncFolder(folder.path)
            try DurableFile.replace(folder.result, with: result.fileBytes, on: disk)
            pending[result.draw] = nil
        } catch is EngineDocuments.Stopped {
            // It is fetched after the next start.
        } catch {
            log(.resultRejected(path: folder.result, reason: "\(error)"))
        }
    }
}

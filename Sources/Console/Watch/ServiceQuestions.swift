import Control
import Domain
import Foundation
import Ledger
import Monitoring
import Platform
import Storage

/// The questions of one second, and the files that are read beside them.
///
/// Isolation: the thread of ``ServiceWatch``; blocks.
struct ServiceQuestions {
    private let folder: DataFolder
    private let deadlineSeconds: Int
    /// When the agencies of a draw may be asked for again.
    private var nextStatus: [DrawID: ContinuousClock.Instant] = [:]
    private var lastRates: ContinuousClock.Instant?
    private var events = EventTail()

    init(folder: DataFolder, deadlineSeconds: Int) {
        self.folder = folder
        self.deadlineSeconds = deadlineSeconds
    }

    /// Asks both services.
    ///
    /// - Parameter wanted: the draws whose agencies somebody looks at.
    mutating func next(after before: Snapshot, wanted: [DrawID], at start: ContinuousClock.Instant) -> Snapshot {
        var snapshot = before
        do throws(ControlFailure) {
            snapshot.draws = try ask(.draws, folder.ingestSocket, [DrawSummary].self).sorted(by: Snapshot.order)
            snapshot.samples = try ask(.metrics, folder.ingestSocket, [MetricSample].self)
            for draw in wanted where nextStatus[draw].map({ $0 <= start }) ?? true {
                try askStatus(draw, &snapshot)
            }
            snapshot.ingest = Snapshot.Service(lastAnswer: now)
        } catch {
            snapshot.ingest.failure = error.isAbsent ? "it does not run" : error.reason
        }
        do throws(ControlFailure) {
            snapshot.winnersSamples = try ask(.metrics, folder.winnersSocket, [MetricSample].self)
            snapshot.winners = Snapshot.Service(lastAnswer: now)
        } catch {
            snapshot.winners.failure = error.isAbsent ? "it does not run" : error.reason
        }
        snapshot.statuses = snapshot.statuses.filter { wanted.contains($0.key) }
        snapshot.results = results(of: wanted, in: snapshot)
        snapshot.data = folder.path
        nextStatus = nextStatus.filter { wanted.contains($0.key) }
        // An urgent question in between does not add a point.
        if lastRates.map({ start - $0 >= .milliseconds(900) }) ?? true {
            lastRates = start
            snapshot.history.add(snapshot.ingest.failure == nil ? snapshot.samples : nil, at: start)
        }
        snapshot.events = events.read(folder.events)
        snapshot.time = now
        return snapshot
    }

    /// The results of the published draws among those that somebody looks at; a result never changes.
    private func results(of wanted: [DrawID], in snapshot: Snapshot) -> [DrawID: DrawResult] {
        var results: [DrawID: DrawResult] = [:]
        for draw in wanted where snapshot.summary(of: draw)?.state == .published {
            results[draw] = snapshot.results[draw] ?? (try? Self.result(of: draw, in: folder))
        }
        return results
    }

    /// Reads the result of a draw; nil before its publication.
    ///
    /// Blocks.
    ///
    /// - Throws: ``DrawResultError`` or ``DiskError`` for a result that cannot be used.
    static func result(of draw: DrawID, in folder: DataFolder) throws -> DrawResult? {
        let path = DrawFolder(data: folder.path, draw: draw).result
        return try DurableFile.read(path, on: PosixDisk()).map { try DrawResult(fileBytes: $0) }
    }

    private var now: Instant { Instant(milliseconds: SystemCall.unixMilliseconds()) }

    /// Asks for a draw's agencies, and plans the next time: 19 times as long later as the answer took.
    private mutating func askStatus(_ draw: DrawID, _ snapshot: inout Snapshot) throws(ControlFailure) {
        let begin = ContinuousClock.now
        snapshot.statuses[draw] = try ask(.status(draw), folder.ingestSocket, DrawStatus?.self)
        nextStatus[draw] = .now + begin.duration(to: .now) * 19
    }

    private func ask<Value: Decodable>(
        _ request: ControlRequest, _ path: String, _ type: Value.Type
    ) throws(ControlFailure) -> Value {
        switch try ControlClient.ask(request, at: path, seconds: deadlineSeconds) {
        case .failed(let reason):
            throw ControlFailure(path: path, reason: reason)
        case .ok(let bytes):
            guard let value = try? JSONDecoder().decode(Value.self, from: Data(bytes)) else {
                throw ControlFailure(path: path, reason: "its answer is of another version of the program")
            }
            return value
        }
    }
}

/// The last lines of the log of events, read again when it has grown.
struct EventTail {
    private var stamp: FileStamp?
    private var events: [DrawEvent] = []
    private static let tailBytes = 64 << 10

    init() {}

    /// Reads the last events; blocks.
    mutating func read(_ path: String) -> [DrawEvent] {
        let now = PosixDisk().stamp(path)
        guard now != stamp else { return events }
        stamp = now
        do throws(DiskError) {
            let file = try PosixDisk().open(path, .readOnly)
            let size = try file.size()
            let start = max(0, size - Self.tailBytes)
            var lines = try file.read(at: start, byteCount: size - start).split(separator: UInt8(ascii: "\n"))
            if start > 0 { lines = Array(lines.dropFirst()) }
            events = lines.suffix(Snapshot.maxEvents).compactMap { DrawEvent(line: $0) }
        } catch {
            events = []
        }
        return events
    }
}

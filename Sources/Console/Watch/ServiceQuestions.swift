import Control
import Domain
import Foundation
import Ledger
import Monitoring
import Platform
import Storage

/// The questions of one second, and the files that are read beside them.
///
/// Isolation: a thread of ``ServiceWatch``; blocks.
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

    /// Asks bet-ingest, and reads events and results.
    ///
    /// - Parameter wanted: the draws whose agencies are viewed.
    mutating func next(after before: Snapshot, wanted: [DrawID], at start: ContinuousClock.Instant) -> Snapshot {
        var snapshot = before
        do throws(ControlFailure) {
            snapshot.draws = try ask(.draws, folder.ingestSocket, [DrawSummary].self).sorted(by: Snapshot.order)
            snapshot.samples = try ask(.metrics, folder.ingestSocket, [MetricSample].self)
            snapshot.ingest = Snapshot.Service(lastAnswer: now)
            for draw in wanted where nextStatus[draw].map({ $0 <= start }) ?? true { askStatus(draw, &snapshot) }
        } catch {
            snapshot.ingest.failure = text(error)
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

    /// Asks winners-service.
    func winners() -> (samples: [MetricSample]?, failure: String?, time: Instant) {
        do throws(ControlFailure) {
            return (try ask(.metrics, folder.winnersSocket, [MetricSample].self), nil, now)
        } catch {
            return (nil, text(error), now)
        }
    }

    private func text(_ failure: ControlFailure) -> String {
        if failure.isAbsent { return "it does not run" }
        return failure.isTimeout ? "no answer within \(deadlineSeconds) s" : failure.reason
    }

    /// The results of the published draws among those that are viewed; a result never changes.
    private func results(of wanted: [DrawID], in snapshot: Snapshot) -> [DrawID: DrawResult] {
        var results: [DrawID: DrawResult] = [:]
        for draw in wanted where (snapshot.summary(of: draw)?.state ?? .published) == .published {
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
    ///
    /// Without an answer the last one is kept: its time is on the page.
    private mutating func askStatus(_ draw: DrawID, _ snapshot: inout Snapshot) {
        let begin = ContinuousClock.now
        if let status = (try? ask(.status(draw), folder.ingestSocket, DrawStatus?.self)) ?? nil {
            snapshot.statuses[draw] = status
        }
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

import Domain
import Foundation
import Glibc
import TestKit
import Testing

/// A reproducible run of bet-ingest, each of whose calls can be made to fail.
struct FaultScenario {
    enum Start: String, CaseIterable {
        /// No data folder; everything is sent and drawn.
        case fresh
        /// Half of the chunks, followed by a torn group; the rest is sent and drawn.
        case torn
        /// A seal without its closing group; the draw is made at once.
        case sealed
        /// No data folder; half is sent, then the service receives SIGTERM.
        case stopped
    }

    /// The outcome of one attempt.
    struct Attempt {
        var exitCode: Int32
        var log: String
        /// Whether the fault's call was made at all.
        var wasReached: Bool
        var calls: [TracedCall]
        var agencies: PatientAgencies
        var folder: FaultFolder
    }

    let start: Start
    private let prepared: FaultFolder
    private let agencies: PatientAgencies

    init(_ start: Start) throws {
        self.start = start
        prepared = try FaultFolder()
        var agencies = PatientAgencies()
        switch start {
        case .fresh, .stopped: break
        case .torn:
            let ingest = try prepared.serve()
            #expect(try agencies.send(to: try ingest.waitForAddress(), limit: 2))
            ingest.signal(SIGKILL)
            _ = try ingest.waitForExit()
            try Self.tear(prepared.path + "/" + FaultFolder.ledger)
        case .sealed:
            let fresh = try FaultScenario(.fresh)
            let writes = try fresh.attempt(nil).calls.filter { $0.name == "pwrite" && $0.isLedger }
            let closing = try #require(writes.last)
            let ingest = try prepared.serve(Fault(call: closing, kind: .ioErrorBefore))
            #expect(try agencies.send(to: try ingest.waitForAddress()))
            #expect(try ingest.waitForExit() == 70)
        }
        self.agencies = agencies
    }

    /// Writes bytes that are not a group after the last group.
    private static func tear(_ path: String) throws {
        let url = URL(fileURLWithPath: path)
        var bytes = [UInt8](try Data(contentsOf: url))
        let end = ((bytes.lastIndex { $0 != 0 } ?? 0) / Limits.blockBytes + 1) * Limits.blockBytes
        try #require(end + 600 <= bytes.count, "nothing is preallocated after byte \(end)")
        for index in end..<end + 600 { bytes[index] = UInt8(truncatingIfNeeded: index) | 1 }
        try Data(bytes).write(to: url)
    }

    /// Runs the scenario once, on a copy of its folder.
    func attempt(_ fault: Fault?) throws -> Attempt {
        let folder = try FaultFolder(copying: prepared)
        var agencies = agencies
        let ingest = try folder.serve(fault)
        let line = try ingest.waitForLog("accept_connections", orAny: ["action: exit"])
        if line.contains("accept_connections") {
            let isDone = try agencies.send(to: try ingest.waitForAddress(), limit: start == .stopped ? 2 : .max)
            if isDone, start == .stopped { ingest.signal(SIGTERM) }
        }
        let code = try ingest.waitForExit()
        let calls = try folder.calls()
        return Attempt(
            exitCode: code, log: ingest.log, wasReached: fault == nil || calls.failed == fault?.call,
            calls: calls.all, agencies: agencies, folder: folder)
    }

    /// Whether the ledger is written past the page cache here.
    ///
    /// The log of a start over a sealed ledger does not say.
    static let isDirect: Bool = (try? FaultScenario(.fresh).attempt(nil).log.contains("writes: direct")) ?? false

    /// Whether an attempt that ended with 0 has left a published draw.
    var isDrawn: Bool { start != .stopped }

    /// Starts the service without faults on an attempt's folder, and runs it until the draw is published.
    func finish(_ attempt: Attempt, _ name: String) throws {
        var agencies = attempt.agencies
        let ingest = try attempt.folder.serve()
        // The result may be false: if the last chunk was durable, the service may draw and end before it is repeated.
        _ = try agencies.send(to: try ingest.waitForAddress())
        #expect(try ingest.waitForExit() == 0, "\(name): \(ingest.log)")
    }
}

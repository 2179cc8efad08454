import Domain
import Identity
import Ledger
import NIOConcurrencyHelpers
import Platform
import ReplicatedLedger
import Shell
import Storage
import TestKit
import Testing
import WireProtocol

@testable import BetIngest

/// A node of a cluster: its committer's thread, on a simulated disk and an engine in memory.
final class StreamFixture: Sendable {
    static let time: UInt64 = 1_763_676_675_000
    static let folder = DrawFolder(data: "data", draw: Samples.draw)
    static let header = LedgerHeader(draw: Samples.draw, ledgerID: 7, createdAt: 1)

    struct Facts: Sendable {
        var finished: [AgencyID] = []
        var seal: SealRecord?
        var damage: [String] = []
        var late: [AgencyID] = []
        var failure: LedgerError?
    }

    let disk: SimulatedDisk
    let committer: StreamCommitter
    let facts: Monitor<Facts>
    private let thread: NamedThread
    private let port: IngestPort

    init(
        _ engine: MemoryEngine, node: UInt64 = 1, agencies: UInt32 = 3, cutOff: Instant? = nil,
        disk: SimulatedDisk = SimulatedDisk(), clock: @escaping @Sendable () -> UInt64 = { StreamFixture.time }
    ) throws {
        self.disk = disk
        let facts = Monitor(Facts())
        self.facts = facts
        if disk.bytes(Self.folder.ledger) == nil {
            try LedgerWriter.create(at: Self.folder.ledger, header: Self.header, on: disk)
        }
        @Sendable func note(_ change: (inout Facts) -> Void) {
            facts.withLock { change(&$0) }
            facts.wakeAll()
        }
        let cluster = DrawCluster(
            engine: engine, documents: EngineDocuments(engine) { false }, node: node, maxRecordBytes: 5000)
        let committer = StreamCommitter(
            cluster, folder: Self.folder, header: Self.header, agencies: DrawAgencies(agencies), cutOff: cutOff,
            late: try LateFile(Self.folder, on: disk),
            observer: CommitObserver(
                agencyFinished: { agency in note { $0.finished.append(agency) } },
                late: { agencies in note { $0.late += agencies } }, lateFailed: { _ in },
                sealed: { seal in note { $0.seal = seal } }, failed: { error in note { $0.failure = error } },
                damaged: { reason in note { $0.damage.append(reason) } }),
            on: disk, clock: clock, namesBets: false)
        self.committer = committer
        engine.listen { news in
            if case .ended(let agencies, _) = news { committer.hear(agencies) }
        }
        thread = NamedThread("committer") { committer.run() }
        let configuration = try ServiceConfiguration(flags: ["agencies": "3"], environment: [:], file: nil)
        let desk = IngestDesk(
            draws: OpenDraws(clock: clock), gate: AgencyGate(), queue: ConnectionQueue(capacity: 10),
            limits: WelcomeLimits(maxFrameBytes: 1 << 20, window: 8), clock: clock, log: .silent)
        port = IngestPort(configuration, dialect: nil, desk: desk)
    }

    /// Ends the node, as a stop does.
    func stop() {
        committer.stop()
        thread.join()
    }

    /// A connection of an agency that has sent HELLO.
    func join(_ agency: UInt32) -> Link {
        let link = Link(self, agency, port)
        committer.stage(.join(AgencyID(agency), version: Message.version), from: link.connection)
        return link
    }

    /// Waits until every agency has finished, and orders the seal.
    func sealOnceFinished(sourceLocation: SourceLocation = #_sourceLocation) {
        let areFinished = facts.wait(until: .now + .seconds(30)) { $0.finished.count == 3 ? true : nil }
        #expect(areFinished == true, sourceLocation: sourceLocation)
        committer.seal(.allFinished)
    }

    func waitForSeal(sourceLocation: SourceLocation = #_sourceLocation) throws -> SealRecord {
        let seal = facts.wait(until: .now + .seconds(30)) { $0.seal }
        return try #require(seal, "no seal: \(facts.withLock { $0.damage })", sourceLocation: sourceLocation)
    }

    /// The bets of an agency in the sealed ledger, by chunk.
    func ledgerBytes() -> [UInt8]? { disk.bytes(Self.folder.ledger) }

    /// A connection to the node, whose answers can be waited for.
    final class Link: AnswerSink {
        private let answers = Monitor<[Answer]>([])
        private let committer: StreamCommitter
        private let agency: AgencyID
        private let made = NIOLockedValueBox<IngestConnection?>(nil)

        fileprivate init(_ node: StreamFixture, _ agency: UInt32, _ port: IngestPort) {
            committer = node.committer
            self.agency = AgencyID(agency)
            let connection = IngestConnection(peer: "test", port: port, answers: self)
            made.withLockedValue { $0 = connection }
        }

        var connection: IngestConnection {
            guard let connection = made.withLockedValue({ $0 }) else { preconditionFailure("not made yet") }
            return connection
        }

        func send(_ answer: Answer) {
            answers.withLock { $0.append(answer) }
            answers.wakeAll()
        }

        func send(_ chunk: Chunk, fault: ChunkFault? = nil) {
            committer.stage(.chunk(CheckedChunk(chunk, fault: fault), agency), from: connection)
        }

        /// Releases the connection, which refers to its link.
        func forgetConnection() { made.withLockedValue { $0 = nil } }

        /// Ends the session with a final decision.
        func leave(_ decision: Decision) { committer.stage(.leave(agency, decision), from: connection) }

        /// Waits for an answer; `index` counts all answers of the connection from 0.
        func wait(_ index: Int = 0) -> String {
            let answer = answers.wait(until: .now + .seconds(30)) { $0.count > index ? $0[index] : nil }
            switch answer {
            case .frame(.message(let message), _), .final(.message(let message)):
                switch message {
                case .chunkProcessed(let processed): return "ok \(processed.sequence)"
                case .chunkRejected(let rejected): return "no \(rejected.sequence) \(rejected.code)"
                case .welcome(let welcome): return "welcome \(welcome.nextSequence)"
                case .error(let code, _): return "error \(code)"
                default: return "\(message)"
                }
            default: return "none"
            }
        }
    }
}

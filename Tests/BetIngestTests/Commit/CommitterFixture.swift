import Connections
import Domain
import Identity
import Ledger
import NIOConcurrencyHelpers
import Shell
import TestKit
import Testing
import WireProtocol

@testable import BetIngest

/// A sink that records the answers of a connection, in order.
final class RecordingSink: AnswerSink {
    private let answers = NIOLockedValueBox<[Answer]>([])

    func send(_ answer: Answer) {
        answers.withLockedValue { $0.append(answer) }
    }

    var messages: [Message] {
        answers.withLockedValue { answers in
            answers.compactMap { answer in
                switch answer {
                case .frame(.message(let message), _), .final(.message(let message)): message
                default: nil
                }
            }
        }
    }
    var isClosed: Bool {
        answers.withLockedValue { $0.contains { if case .final = $0 { true } else { false } } }
    }

    /// The messages in short, for example `ok 1`, `no 2 invalidBet`, `welcome 3`, `error superseded`.
    var summary: [String] {
        messages.map { message in
            switch message {
            case .chunkProcessed(let processed): "ok \(processed.sequence)"
            case .chunkRejected(let rejected): "no \(rejected.sequence) \(rejected.code)"
            case .welcome(let welcome): "welcome \(welcome.nextSequence)"
            case .error(let code, _): "error \(code)"
            default: "\(message)"
            }
        }
    }
}

/// A committer on a simulated disk, stepped by the test's thread.
final class CommitterFixture: Sendable {
    static let time: UInt64 = 1_763_676_675_000
    static let folder = DrawFolder(data: "data", draw: Samples.draw)

    let disk: SimulatedDisk
    let committer: LedgerCommitter
    let draw: OpenDraw
    let desk: IngestDesk
    /// A native port for 100 agencies.
    let port: IngestPort
    let figures = IngestFigures()
    let budget = FrameBudget(byteCount: 1 << 24, maxFrameBytes: 1 << 22)
    private let finished = NIOLockedValueBox<[AgencyID]>([])
    private let seals = NIOLockedValueBox<[SealRecord]>([])
    private let late = NIOLockedValueBox<[AgencyID]>([])
    private let failures = NIOLockedValueBox<[LedgerError]>([])

    /// Agencies whose last chunk became durable, in order.
    var finishedAgencies: [AgencyID] { finished.withLockedValue { $0 } }
    /// Seals that became durable.
    var durableSeals: [SealRecord] { seals.withLockedValue { $0 } }
    /// Agencies whose first late chunk is listed.
    var lateAgencies: [AgencyID] { late.withLockedValue { $0 } }
    var failureCount: Int { failures.withLockedValue { $0.count } }

    /// Opens the disk's ledger, or creates one.
    ///
    /// - Parameters:
    ///   - agencies: the agencies that the seal names.
    ///   - cutOff: nil for a draw without one.
    init(
        disk: SimulatedDisk = SimulatedDisk(), agencies: UInt32 = 100, cutOff: Instant? = nil,
        clock: @escaping @Sendable () -> UInt64 = { CommitterFixture.time }
    ) throws {
        self.disk = disk
        let path = Self.folder.ledger
        if disk.bytes(path) == nil {
            let header = LedgerHeader(draw: Samples.draw, ledgerID: 7, createdAt: 1)
            try LedgerWriter.create(at: path, header: header, on: disk)
        }
        let contents = try LedgerContents(reading: path, on: disk)
        let (finished, seals, failures, late) = (finished, seals, failures, late)
        committer = LedgerCommitter(
            admission: Admission(
                Samples.draw, agencies: DrawAgencies(agencies), standings: contents.standings, cutOff: cutOff),
            ledger: try OpenLedger(
                path, contents: contents, on: disk, time: 2, start: StartRecord(agencies: 100, program: "test")),
            late: try LateFile(Self.folder, on: disk),
            observer: CommitObserver(
                agencyFinished: { agency in finished.withLockedValue { $0.append(agency) } },
                late: { agencies in late.withLockedValue { $0 += agencies } }, lateFailed: { _ in },
                sealed: { seal in seals.withLockedValue { $0.append(seal) } },
                failed: { error in failures.withLockedValue { $0.append(error) } }),
            clock: clock, figures: figures, namesBets: false)
        draw = OpenDraw(
            id: Samples.draw, agencies: 100, committer: committer, consultations: DialectConsultations(),
            progress: ProgressFile(
                Self.folder,
                DrawProgress(
                    draw: Samples.draw, ledgerID: 7, state: .open, agencies: 100, finishedAgencies: []),
                on: disk, log: .silent))
        let draws = OpenDraws(clock: clock)
        draws.add(draw)
        desk = IngestDesk(
            draws: draws, gate: AgencyGate(), queue: ConnectionQueue(capacity: 100),
            limits: WelcomeLimits(maxFrameBytes: 1 << 20, window: 8), clock: clock, log: .silent)
        let configuration = try ServiceConfiguration(flags: ["agencies": "100"], environment: [:], file: nil)
        port = IngestPort(configuration, dialect: nil, desk: desk)
    }

    /// Makes a connection that has not sent HELLO.
    func connection(_ peer: String = "test", answers: any AnswerSink = RecordingSink()) -> IngestConnection {
        IngestConnection(peer: peer, port: port, answers: answers)
    }

    /// Makes a connection that has sent HELLO.
    func join(_ agency: UInt32) -> (IngestConnection, RecordingSink) {
        let sink = RecordingSink()
        let connection = connection(answers: sink)
        committer.stage(.join(AgencyID(agency), version: Message.version), from: connection)
        return (connection, sink)
    }

    func stage(_ chunk: Chunk, _ agency: UInt32, _ connection: IngestConnection, fault: ChunkFault? = nil) {
        guard case .reserved(let reservation) = budget.reserve(chunk.frame.count, .proven, otherwise: { _ in }) else {
            Issue.record("the budget is used up")
            return
        }
        // A repetition keeps its connection's turn until it is answered.
        let checked = CheckedChunk(chunk, fault: fault, reservation)
        if !committer.stage(.chunk(checked, AgencyID(agency)), from: connection) { _ = committer.commitStaged() }
    }

    /// Reads the ledger's current contents.
    func contents() throws -> LedgerContents {
        try LedgerContents(reading: Self.folder.ledger, on: disk)
    }
}

extension ConnectionEvent {
    /// Returns the event of a whole frame.
    static func frame(of message: Message) -> ConnectionEvent {
        .frame(Frame(Array(message.encoded[Limits.frameLengthBytes...])))
    }
}

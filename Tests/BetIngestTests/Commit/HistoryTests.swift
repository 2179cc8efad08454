import Connections
import Domain
import Ledger
import NIOConcurrencyHelpers
import Platform
import Shell
import Synchronization
import TestKit
import Testing
import WireProtocol

@testable import BetIngest

/// Tests of histories: several threads record their operations with a common clock, and a pure checker checks them.
///
/// The ledger is an append-only log: positions in it must agree with the real order of operations.
struct HistoryTests {
    /// A chunk of an agency, from its hand-over to its answer.
    struct Operation: Sendable {
        var agency: AgencyID
        var sequence: UInt32
        var count: Int
        /// Ticks of the common clock.
        var begun: Int
        var ended: Int
        var answer: Message
    }

    /// A sink that records every answer with its tick and wakes the waiting agency.
    private final class Recorder: AnswerSink {
        let clock: Clock
        let answers = Monitor<[(tick: Int, message: Message)]>([])

        init(_ clock: Clock) {
            self.clock = clock
        }

        func send(_ answer: Answer) {
            guard case .frame(.message(let message), _) = answer else { return }
            answers.withLock { $0.append((clock.tick(), message)) }
            answers.wakeAll()
        }

        func waitForAnswer(_ index: Int) -> (tick: Int, message: Message)? {
            answers.wait(until: .now + .seconds(60)) { $0.count > index ? $0[index] : nil }
        }
    }

    private final class Clock: Sendable {
        private let ticks = Atomic<Int>(0)

        func tick() -> Int { ticks.add(1, ordering: .sequentiallyConsistent).newValue }
    }

    /// Returns everything that is wrong with a history.
    static func faults(_ history: [Operation], storedBets: UInt64) -> [String] {
        var faults: [String] = []
        let stored = history.compactMap { operation -> (operation: Operation, first: UInt64)? in
            guard case .chunkProcessed(let processed) = operation.answer else { return nil }
            return (operation, processed.firstBetIndex)
        }.sorted { $0.first < $1.first }
        for (before, after) in zip(stored, stored.dropFirst()) {
            if before.first + UInt64(before.operation.count) > after.first {
                faults.append("positions overlap at \(after.first)")
            }
        }
        let total = stored.reduce(0) { $0 + UInt64($1.operation.count) }
        if total != storedBets { faults.append("\(total) bets were acknowledged, \(storedBets) are stored") }
        // An operation that ended before another began must have the lower position: no operation may end before the
        // latest beginning among those at lower positions.
        var latestBegin = 0
        for (operation, first) in stored {
            if operation.ended < latestBegin {
                faults.append("the chunk at \(first) was answered before an earlier one began")
            }
            latestBegin = max(latestBegin, operation.begun)
        }
        for (agency, operations) in Dictionary(grouping: history, by: \.agency) {
            let ended = operations.sorted { $0.sequence < $1.sequence }.map(\.ended)
            if ended != ended.sorted() { faults.append("agency \(agency) was answered out of order") }
        }
        return faults
    }

    @Test("concurrent senders agree with the ledger about the order of their chunks")
    func threads() throws {
        let agencies = 6
        let chunks = 60
        let disk = SimulatedDisk()
        let flags = ["agencies": "\(agencies)", "data": "/data", "ingest.window": "4"]
        let configuration = try ServiceConfiguration(flags: flags, environment: [:], file: nil)
        let core = IngestCore(configuration: configuration, clock: SystemCall.unixMilliseconds, log: .silent)
        var book = try DrawBook.of(
            configuration, core, on: disk, inbox: MainInbox(), clock: SystemCall.unixMilliseconds)
        #expect(try book.recover())
        let port = IngestPort(configuration, dialect: nil, desk: core.desk)
        book.startThreads()
        let workers = WorkerPool(count: 3, worker: core.worker)
        let clock = Clock()
        let history = NIOLockedValueBox<[Operation]>([])
        let senders = (1...agencies).map { number in
            NamedThread("agency-\(number)") {
                let operations = Self.send(AgencyID(UInt32(number)), chunks: chunks, core, port, clock)
                history.withLockedValue { $0 += operations }
            }
        }
        for sender in senders { sender.join() }
        core.desk.queue.shutDown()
        workers.join()
        book.stop()
        let operations = history.withLockedValue { $0 }
        #expect(operations.count == agencies * chunks)
        let stored = try LedgerContents(reading: configuration.folder.ledger, on: disk).standings.storedBets
        #expect(Self.faults(operations, storedBets: stored) == [])
        #expect(core.budget.availableBytes == configuration.ingest.bufferBytes)
    }

    /// Sends chunks with a window of four and waits for their answers.
    private static func send(
        _ agency: AgencyID, chunks: Int, _ core: IngestCore, _ port: IngestPort, _ clock: Clock
    ) -> [Operation] {
        let recorder = Recorder(clock)
        let connection = IngestConnection(peer: "test", port: port, answers: recorder)
        func handOver(_ message: Message) {
            let frame = Array(message.encoded[Limits.frameLengthBytes...])
            let granted = Monitor<Reservation?>(nil)
            let request = core.budget.reserve(frame.count, .proven) { reservation in
                granted.withLock { $0 = reservation }
                granted.wakeAll()
            }
            let reservation: Reservation? =
                if case .reserved(let now) = request { now } else { granted.wait(until: .now + .seconds(60)) { $0 } }
            granted.withLock { $0 = nil }
            if connection.append(.frame(Frame(frame, reservation: reservation))) { core.desk.queue.put([connection]) }
        }
        handOver(.hello(Hello(agency: agency)))
        guard recorder.waitForAnswer(0) != nil else { return [] }
        var operations: [Operation] = []
        for index in 0..<chunks {
            if index >= 4 { _ = recorder.waitForAnswer(index - 3) }
            let chunk = Samples.chunk(
                agency: Int(agency.rawValue), sequence: UInt32(index + 1), count: 1 + index % 5,
                isLast: index == chunks - 1)
            operations.append(
                Operation(
                    agency: agency, sequence: chunk.sequence, count: chunk.count, begun: clock.tick(), ended: 0,
                    answer: .busy))
            handOver(.chunk(chunk))
        }
        for index in 0..<chunks {
            guard let (tick, message) = recorder.waitForAnswer(index + 1) else { return [] }
            operations[index].ended = tick
            operations[index].answer = message
        }
        return operations
    }

    @Test("the checker finds faults")
    func checker() {
        func operation(_ agency: UInt32, _ sequence: UInt32, first: UInt64, begun: Int, ended: Int) -> Operation {
            let processed = ChunkProcessed(sequence: sequence, count: 2, firstBetIndex: first)
            return Operation(
                agency: AgencyID(agency), sequence: sequence, count: 2, begun: begun, ended: ended,
                answer: .chunkProcessed(processed))
        }
        let good = [
            operation(1, 1, first: 0, begun: 1, ended: 3), operation(2, 1, first: 2, begun: 2, ended: 4),
            operation(1, 2, first: 4, begun: 5, ended: 6),
        ]
        #expect(Self.faults(good, storedBets: 6) == [])
        #expect(Self.faults(good, storedBets: 7).count == 1)
        var overlapping = good
        overlapping[1] = operation(2, 1, first: 1, begun: 2, ended: 4)
        #expect(!Self.faults(overlapping, storedBets: 6).isEmpty)
        // The third began after the second had ended, but has a lower position.
        let reordered = [
            good[0], operation(2, 1, first: 4, begun: 2, ended: 4), operation(3, 1, first: 2, begun: 5, ended: 6),
        ]
        #expect(!Self.faults(reordered, storedBets: 6).isEmpty)
        let unordered = [operation(1, 1, first: 0, begun: 1, ended: 6), operation(1, 2, first: 2, begun: 2, ended: 4)]
        #expect(Self.faults(unordered, storedBets: 4) == ["agency 1 was answered out of order"])
    }
}

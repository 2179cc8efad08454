import Domain
import Platform
import TestKit
import WireProtocol

@testable import Agency

/// A link whose service is a closure and whose clock advances only during waits.
final class ScriptedLink: ServiceLink {
    private(set) var now = ContinuousClock.now
    var random: any RandomNumberGenerator = SeededGenerator(seed: 1)
    /// Messages sent, over all connections.
    private(set) var sent: [Message] = []
    private(set) var connections = 0
    /// Events that the agency has not received yet.
    private var events: [ServiceEvent] = []
    private var isOpen = false
    /// Minimum duration of every wait for an event.
    var latency = Duration.zero
    /// The number of sent messages at which the stop signal arrives.
    var stopsAfterSending: Int?
    /// The failure of the connection with this number; nil lets it connect.
    var connectFailure: (Int) -> String? = { _ in nil }
    /// Whether messages after HELLO are lost on the connection with this number.
    var isMute: (Int) -> Bool = { _ in false }
    /// Called before each wait.
    var onWait: () -> Void = {}
    private let service: (Message) -> [ServiceEvent]

    init(_ service: @escaping (Message) -> [ServiceEvent]) {
        self.service = service
    }

    convenience init(_ service: ModelService) {
        self.init { service.take($0) }
    }

    var sentChunks: [Chunk] {
        sent.compactMap { if case .chunk(let chunk) = $0 { chunk } else { nil } }
    }

    /// Lets time pass, as on a machine that sleeps.
    func suspend(_ duration: Duration) {
        now += duration
    }

    func connect(to endpoint: Endpoint) throws {
        connections += 1
        events = []
        if let reason = connectFailure(connections) { throw ConnectionFailure(reason: reason) }
        isOpen = true
    }

    func send(_ message: Message) {
        sent.append(message)
        if case .hello = message {
            events += service(message)
        } else if isOpen, !isMute(connections) {
            events += service(message)
        }
    }

    func close() {
        isOpen = false
    }

    func waitForNextEvent(until deadline: ContinuousClock.Instant) -> ServiceEvent {
        onWait()
        if let limit = stopsAfterSending, sent.count >= limit { return .stopped(signal: "SIGTERM") }
        now += latency
        if !events.isEmpty { return events.removeFirst() }
        now = max(now, deadline)
        return .timeout
    }

    func waitForStop(until deadline: ContinuousClock.Instant) -> String? {
        now = max(now, deadline)
        return stopsAfterSending.map { sent.count >= $0 } == true ? "SIGTERM" : nil
    }
}

/// A model in memory of the ingest service, as the protocol describes it, for one agency.
final class ModelService {
    private(set) var chunks: [Chunk] = []
    private(set) var rejections: [Int: ChunkRejected] = [:]
    private(set) var isFinished = false
    var window: UInt16 = 4
    /// The code to reject a new chunk with; nil stores it.
    var rejects: (Chunk) -> RejectionCode? = { _ in nil }
    /// Sequences whose answers are lost, once each, with the connection.
    var losesAnswers: Set<UInt32> = []
    var tellsChecksum = true
    /// Whether the connection has ended and ignores further messages.
    private var isClosed = false

    var nextSequence: UInt32 { UInt32(chunks.count + 1) }
    var storedBets: [Bet] {
        chunks.enumerated().filter { rejections[$0.offset] == nil }.flatMap { Self.bets($0.element) }
    }

    static func bets(_ chunk: Chunk) -> [Bet] { BetColumns(chunk.bets, count: chunk.count).bets }

    /// Forgets the last chunks, like a ledger restored from a copy.
    func forget(last count: Int) {
        chunks.removeLast(count)
        rejections = rejections.filter { $0.key < chunks.count }
        isFinished = false
    }

    func take(_ message: Message) -> [ServiceEvent] {
        switch message {
        case .hello:
            isClosed = false
            return [.message(.welcome(welcome))]
        case .chunk(let chunk) where !isClosed:
            let answer = record(chunk)
            guard losesAnswers.remove(chunk.sequence) == nil else {
                isClosed = true
                return [.closed(reason: "the connection was closed")]
            }
            return [.message(answer)]
        default:
            return []
        }
    }

    var welcome: Welcome {
        var digest = BetsDigest()
        for chunk in chunks { digest.append(Self.digest(chunk)) }
        let rejected = rejections.keys.reduce(0) { $0 + chunks[$1].count }
        let last: StreamRecord.LastChunk =
            chunks.isEmpty ? .none : rejections[chunks.count - 1] == nil ? .stored : .rejected
        return Welcome(
            nextSequence: nextSequence, storedBets: UInt64(storedBets.count), rejectedBets: UInt64(rejected),
            maxFrameBytes: 1 << 20, window: window, isFinished: isFinished, draw: "default",
            stream: StreamRecord(
                lastChunk: last, lastCount: UInt16(chunks.last?.count ?? 0),
                lastChecksum: chunks.last.map { Self.digest($0).checksum } ?? 0,
                checksum: tellsChecksum ? digest.checksum : nil))
    }

    private static func digest(_ chunk: Chunk) -> BetsDigest {
        BetsDigest(BetColumns(chunk.bets, count: chunk.count))
    }

    private func record(_ chunk: Chunk) -> Message {
        let index = Int(chunk.sequence) - 1
        if index < chunks.count {
            if chunks[index] != chunk { return rejected(chunk, .conflict) }
            return rejections[index].map { .chunkRejected($0) } ?? processed(chunk)
        }
        if isFinished { return rejected(chunk, .agencyFinished) }
        guard chunk.sequence == nextSequence else { return .error(.sequenceGap, "next is \(nextSequence)") }
        guard let code = rejects(chunk) else {
            chunks.append(chunk)
            isFinished = chunk.isLast
            return processed(chunk)
        }
        let answer = rejected(chunk, code)
        guard code == .invalidBet, case .chunkRejected(let rejection) = answer else {
            return answer
        }
        chunks.append(chunk)
        rejections[index] = rejection
        return answer
    }

    private func processed(_ chunk: Chunk) -> Message {
        .chunkProcessed(
            ChunkProcessed(sequence: chunk.sequence, count: UInt16(chunk.count), firstBetIndex: UInt64(chunk.sequence)))
    }

    private func rejected(_ chunk: Chunk, _ code: RejectionCode) -> Message {
        .chunkRejected(ChunkRejected(sequence: chunk.sequence, code: code, betIndex: 1, message: "no \"such\" bet"))
    }
}

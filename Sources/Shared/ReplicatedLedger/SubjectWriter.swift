package import Domain
package import Ledger
import WireProtocol

/// One agency on one node: decides on its chunks and writes them to its subject, one message at a time.
///
/// The engine compares: a message is stored only if the agency's last message is the one that this node knows. So two
/// nodes, or a node that was paused, need no lock. The outcome of a publish may be unknown; then the last message is read
/// and everything is decided again. A read may be old: only a stored message proves what was last, so WELCOME leaves after
/// the session's message is stored.
///
/// Pure: inputs in, outputs out; the caller publishes and reads.
///
/// Isolation: its owner's.
package struct SubjectWriter {
    package typealias Sender = AgencyMessage.Sender

    package enum Output: Equatable, Sendable {
        /// Store the message if the subject's last message has this sequence in the stream; 0: if it has none.
        ///
        /// `attempt` names the publish: its outcome must be given with it.
        case publish([UInt8], after: UInt64, attempt: UInt64)
        /// Read the subject's last message; the answer may be old. After an old one, wait a little.
        case readLast(afterOld: Bool)
        /// Read the record with the chunk's sequence and compare: the same chunk gets its answer again, another one a
        /// conflict.
        case compare(connection: UInt64, Chunk)
        case welcome(connection: UInt64, AgencyStanding)
        /// Recorded on a majority.
        ///
        /// `firstBetIndex`: the agency's bets stored before it.
        case acknowledged(connection: UInt64, sequence: UInt32, firstBetIndex: UInt64)
        /// The draw takes nothing more of the agency.
        case closed(connection: UInt64, sequence: UInt32)
        /// The chunk is sent again for lost ones, but those had other bets.
        case conflict(connection: UInt64, sequence: UInt32)
        /// Chunks before this one are missing, or it follows the last.
        case outOfOrder(connection: UInt64, sequence: UInt32, next: UInt32)
        /// Another connection is the agency's sender; final.
        case superseded(connection: UInt64)
    }

    /// The agency's last message, as far as it is known.
    private struct Tail {
        /// In the stream; 0 without any message.
        var sequence: UInt64 = 0
        /// Of the agency's messages.
        var count: UInt64 = 0
        var digest = AgencyMessage.noPrevious
        /// After the message.
        var standing = AgencyStanding()
        var sender: Sender?
        var isClosed = false

        var isEnded: Bool { isClosed || standing.isFinished }
    }

    /// Lost chunks that a connection is sending again.
    private struct Resending {
        var connection: UInt64
        var lost: LostChunks
        /// The agency after those so far.
        var standing: AgencyStanding
    }

    private enum Work {
        case hello(UInt64)
        case chunk(UInt64, Chunk, firstBetIndex: UInt64 = 0)
    }

    /// A message that was published and has no outcome yet.
    private struct Publish {
        var attempt: UInt64
        /// The subject's last message once it is stored.
        var tail: Tail
        /// The agency before it.
        var before: AgencyStanding
        /// Once it is stored.
        var resending: Resending?
        /// Done once it is stored.
        var work: [Work]
    }

    private let agency: AgencyID
    private let node: UInt64
    /// Nil: it must be read.
    private var tail: Tail?
    /// A lower sequence that is read is old.
    private var newest: UInt64 = 0
    private var isReading = false
    private var inFlight: Publish?
    private var lastAttempt: UInt64 = 0
    private var waiting: [Work] = []
    private var mustClose = false
    private let maxRecordBytes: Int
    /// Chunks of this agency that the engine has lost, or had.
    package var lost: [LostChunks] = []
    /// The agency before the first chunk that is still lost, from which it continues after its end; nil if none is.
    package var lostFrom: AgencyStanding?
    private var resending: Resending?
    /// The last chunk that was sent again, if others follow: only they show that it is not a new one.
    private var held: (connection: UInt64, output: Output)?

    /// - Parameter maxRecordBytes: of a message; the engine has a limit.
    package init(agency: AgencyID, node: UInt64, maxRecordBytes: Int = 900_000) {
        self.agency = agency
        self.node = node
        self.maxRecordBytes = maxRecordBytes
    }

    /// Whether the agency has an end: its last chunk, or a close.
    package var isEnded: Bool { tail?.isEnded ?? false }

    /// Whether nothing is decided before an answer of the engine.
    package var isWaiting: Bool { inFlight != nil || isReading }

    /// The agency after its last message; nil if that must be read.
    package var standing: AgencyStanding? { tail?.standing }

    // MARK: Inputs

    /// A connection of this node wants to be the agency's sender.
    package mutating func hello(_ connection: UInt64, at time: Instant) -> [Output] {
        waiting.append(.hello(connection))
        return next(time)
    }

    package mutating func receive(_ chunk: Chunk, from connection: UInt64, at time: Instant) -> [Output] {
        waiting.append(.chunk(connection, chunk))
        return next(time)
    }

    /// Ends the agency: the cut-off has passed by this node's clock, or an operator said so.
    package mutating func close(at time: Instant) -> [Output] {
        mustClose = true
        return next(time)
    }

    /// The outcome of a publish.
    ///
    /// An outcome may arrive twice, or after it was given up: one of another attempt says nothing about the current one.
    package mutating func published(_ outcome: PublishOutcome, of attempt: UInt64, at time: Instant) -> [Output] {
        guard var publish = inFlight, publish.attempt == attempt else { return [] }
        inFlight = nil
        guard case .stored(let sequence) = outcome else {
            // Everything is decided again, after a read.
            waiting = publish.work + waiting
            tail = nil
            return next(time)
        }
        publish.tail.sequence = sequence
        newest = max(newest, sequence)
        tail = publish.tail
        var outputs = publish.work.map { done -> Output in
            switch done {
            case .hello(let connection): .welcome(connection: connection, publish.before)
            case .chunk(let connection, let chunk, let firstBetIndex):
                .acknowledged(connection: connection, sequence: chunk.sequence, firstBetIndex: firstBetIndex)
            }
        }
        if let resending = publish.resending {
            outputs = release(to: resending.connection) + outputs
            if resending.standing.nextSequence < resending.lost.after.nextSequence {
                held = outputs.popLast().map { (resending.connection, $0) }
            }
        }
        resending = publish.resending
        return outputs + next(time)
    }

    /// Takes the answer that waits for a connection's next one.
    private mutating func release(to connection: UInt64) -> [Output] {
        defer { held = nil }
        return held.flatMap { $0.connection == connection ? [$0.output] : nil } ?? []
    }

    /// The subject's last message, or nil; possibly an old one.
    ///
    /// - Throws: ``ChainFault`` for a message that contradicts itself.
    package mutating func read(
        _ last: (sequence: UInt64, message: AgencyMessage)?, at time: Instant
    ) throws(ChainFault) -> [Output] {
        guard isReading else { return [] }
        isReading = false
        guard let last else {
            // Older than what is known: ask again.
            if newest == 0 { tail = Tail() }
            return next(time, afterOld: newest > 0)
        }
        guard last.sequence >= newest else { return next(time, afterOld: true) }
        let after = try last.message.checked().after
        tail = Tail(
            sequence: last.sequence, count: last.message.number + 1, digest: last.message.digest, standing: after,
            sender: last.message.sender, isClosed: last.message.kind.isEnd)
        newest = last.sequence
        return next(time)
    }

    // MARK: Decisions

    /// Publishes what is next, or reads, unless the engine has not answered yet.
    private mutating func next(_ time: Instant, afterOld: Bool = false) -> [Output] {
        guard !isWaiting, mustClose || !waiting.isEmpty else { return [] }
        guard let tail else {
            isReading = true
            return [.readLast(afterOld: afterOld)]
        }
        if mustClose, !tail.isEnded {
            var draft = Draft(.close, agency, Sender(node: node, connection: 0), after: tail)
            return [publish(&draft, after: tail)]
        }
        mustClose = false
        var outputs: [Output] = []
        let expectedBytes = waiting.reduce(0) {
            if case .chunk(_, let chunk, _) = $1 { $0 + chunk.recordBytes } else { $0 }
        }
        var draft = Draft(
            .group, agency, tail.sender ?? Sender(node: node, connection: 0), after: tail,
            expectedBytes: min(expectedBytes, maxRecordBytes))
        while let first = waiting.first {
            switch first {
            case .hello(let connection):
                if !draft.work.isEmpty { return outputs + [publish(&draft, after: tail)] }
                waiting.removeFirst()
                if tail.isEnded {
                    // Nothing is added any more, so the standing is final and needs no proof.
                    outputs.append(.welcome(connection: connection, lostFrom ?? tail.standing))
                    continue
                }
                var session = Draft(.session, agency, Sender(node: node, connection: connection), after: tail)
                session.work = [first]
                return outputs + [publish(&session, after: tail)]
            case .chunk(let connection, let chunk, _):
                guard decide(on: chunk, of: connection, after: tail, &draft, &outputs, at: time) else {
                    return outputs + [publish(&draft, after: tail)]
                }
            }
        }
        return draft.work.isEmpty ? outputs : outputs + [publish(&draft, after: tail)]
    }

    /// Decides on the first chunk that waits.
    ///
    /// - Returns: false if the draft must be stored before.
    private mutating func decide(
        on chunk: Chunk, of connection: UInt64, after tail: Tail, _ draft: inout Draft, _ outputs: inout [Output],
        at time: Instant
    ) -> Bool {
        let sender = Sender(node: node, connection: connection)
        let isEnded = tail.isClosed || draft.standing.isFinished
        if tail.sender != sender, !isEnded {
            waiting.removeAll { if case .chunk(connection, _, _) = $0 { true } else { false } }
            outputs.append(.superseded(connection: connection))
            return true
        }
        let isRepeated = chunk.sequence > 0 && chunk.sequence < draft.standing.nextSequence
        let lost = tail.isEnded ? self.lost.first { $0.sequences.contains(chunk.sequence) } : nil
        // A repeated chunk may be in this message, which is stored first.
        let isAdded = lost != nil ? draft.sender == sender : !isRepeated
        if !draft.work.isEmpty, !isAdded || draft.recordBytes + chunk.recordBytes > maxRecordBytes { return false }
        waiting.removeFirst()
        if let lost {
            if draft.work.isEmpty {
                draft = Draft(.repair, agency, sender, after: tail, expectedBytes: chunk.recordBytes)
                draft.resending = resending
            }
            if let fault = draft.resend(chunk, of: connection, lost) {
                outputs += release(to: connection) + [fault]
                draft.resending = nil
            }
        } else if isRepeated {
            outputs.append(.compare(connection: connection, chunk))
        } else if isEnded {
            outputs.append(.closed(connection: connection, sequence: chunk.sequence))
        } else if draft.standing.verdict(on: chunk.sequence) == .next {
            draft.append(chunk, of: connection, at: time)
        } else {
            let next = draft.standing.nextSequence
            outputs.append(.outOfOrder(connection: connection, sequence: chunk.sequence, next: next))
        }
        return true
    }

    private mutating func publish(_ draft: inout Draft, after tail: Tail) -> Output {
        lastAttempt += 1
        inFlight = Publish(
            attempt: lastAttempt,
            tail: Tail(
                count: tail.count + 1, digest: SHA256.hash(data: draft.bytes), standing: draft.standing,
                sender: draft.sender, isClosed: tail.isClosed || draft.kind.isEnd),
            before: tail.standing, resending: draft.resending, work: draft.work)
        return .publish(draft.bytes, after: tail.sequence, attempt: lastAttempt)
    }

    /// A message that is being put together.
    private struct Draft {
        let kind: AgencyMessage.Kind
        let agency: AgencyID
        let sender: Sender
        /// Of the whole message.
        private(set) var bytes: [UInt8]
        private let prefixBytes: Int
        /// The size of all records that may be added.
        private let expectedBytes: Int
        /// The agency after the records so far.
        private(set) var standing: AgencyStanding
        var work: [Work] = []
        var resending: Resending?

        init(
            _ kind: AgencyMessage.Kind, _ agency: AgencyID, _ sender: Sender, after tail: Tail, expectedBytes: Int = 0
        ) {
            self.kind = kind
            self.expectedBytes = expectedBytes
            self.agency = agency
            self.sender = sender
            standing = tail.standing
            bytes =
                AgencyMessage(
                    kind, agency: agency, sender: sender, number: tail.count, before: tail.standing,
                    previous: tail.digest
                ).bytes
            prefixBytes = bytes.count
        }

        var recordBytes: Int { bytes.count - prefixBytes }

        /// Adds the next chunk.
        mutating func append(_ chunk: Chunk, of connection: UInt64, at time: Instant) {
            write(chunk, of: connection, at: time, after: standing)
            standing.apply(chunk.kind, count: chunk.betCount, bets: chunk.digest, at: time)
        }

        /// Adds a chunk in the place of a lost one.
        ///
        /// - Returns: the answer to a chunk that does not belong there.
        mutating func resend(_ chunk: Chunk, of connection: UInt64, _ lost: LostChunks) -> Output? {
            var next =
                if let resending, resending.connection == connection, resending.lost == lost { resending } else {
                    Resending(connection: connection, lost: lost, standing: lost.before)
                }
            if chunk.sequence == lost.before.nextSequence { next.standing = lost.before }
            let before = next.standing
            guard before.verdict(on: chunk.sequence) == .next else {
                return .outOfOrder(
                    connection: connection, sequence: chunk.sequence, next: before.nextSequence)
            }
            // The time at which the last of them was recorded, so they are not late.
            let time = lost.after.lastTime
            next.standing.apply(chunk.kind, count: chunk.betCount, bets: chunk.digest, at: time)
            let (standing, all) = (next.standing, lost.after)
            let isOver = standing.nextSequence == all.nextSequence
            let isMore = standing.storedBets > all.storedBets || standing.rejectedBets > all.rejectedBets
            if isOver ? !standing.isSame(as: all) : isMore || standing.isFinished {
                return .conflict(connection: connection, sequence: chunk.sequence)
            }
            write(chunk, of: connection, at: time, after: before)
            resending = next
            return nil
        }

        private mutating func write(
            _ chunk: Chunk, of connection: UInt64, at time: Instant, after standing: AgencyStanding
        ) {
            let firstBetIndex = standing.storedBets
            let payload = chunk.payload
            if work.isEmpty { bytes.reserveCapacity(prefixBytes + expectedBytes) }
            let header = RecordHeader(
                kind: chunk.kind, count: chunk.count, agency: agency, sequence: chunk.sequence,
                time: time.milliseconds, firstBetIndex: firstBetIndex, payloadBytes: payload.count,
                payloadChecksum: chunk.payloadChecksum)
            header.bytes.span.withUnsafeBufferPointer { bytes.append(contentsOf: $0) }
            payload.withUnsafeBufferPointer { bytes.append(contentsOf: $0) }
            work.append(.chunk(connection, chunk, firstBetIndex: firstBetIndex))
        }
    }
}

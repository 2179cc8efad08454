package import Domain
package import Ledger
private import WireProtocol

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

    /// A chunk that was checked.
    package struct Chunk: Equatable, Sendable {
        package var kind: RecordHeader.Kind
        package var sequence: UInt32
        /// Bets claimed.
        package var count: Int
        /// Of the record.
        package var payload: [UInt8]

        package init(kind: RecordHeader.Kind, sequence: UInt32, count: Int, payload: [UInt8]) {
            self.kind = kind
            self.sequence = sequence
            self.count = count
            self.payload = payload
        }
    }

    package enum PublishOutcome: Equatable, Sendable {
        case stored(sequence: UInt64)
        /// The agency's last message is another one.
        case conflict
        /// It may have been stored, now or later: a timeout, a closed connection, no leader.
        case unknown
    }

    package enum Output: Equatable, Sendable {
        /// Store the message if the subject's last message has this sequence in the stream; 0: if it has none.
        case publish(AgencyMessage, after: UInt64)
        /// Read the subject's last message; the answer may be old.
        case readLast
        /// Read the record with the chunk's sequence and compare: the same chunk gets its answer again, another one a
        /// conflict.
        case compare(connection: UInt64, Chunk)
        case welcome(connection: UInt64, AgencyStanding)
        /// Recorded on a majority.
        case acknowledged(connection: UInt64, sequence: UInt32)
        /// The draw takes nothing more of the agency.
        case closed(connection: UInt64, sequence: UInt32)
        /// Chunks before this one are missing, or it follows the last.
        case outOfOrder(connection: UInt64, sequence: UInt32)
        /// Another connection is the agency's sender; final.
        case superseded(connection: UInt64)
    }

    /// The agency's last message, as far as it is known.
    private struct Tail {
        /// In the stream; 0 without any message.
        var sequence: UInt64 = 0
        var digest = AgencyMessage.noPrevious
        var standing = AgencyStanding()
        var sender: Sender?
        var isClosed = false

        /// Without any message.
        init() {}

        /// After a message.
        ///
        /// - Throws: ``ChainFault`` for a message that contradicts itself.
        init(_ message: AgencyMessage, sequence: UInt64) throws(ChainFault) {
            standing = try message.checked().after
            self.sequence = sequence
            digest = message.digest
            sender = message.sender
            isClosed = message.kind == .close
        }
    }

    private enum Work {
        case hello(UInt64)
        case chunk(UInt64, Chunk)
    }

    private let agency: AgencyID
    private let node: UInt64
    /// Nil: it must be read.
    private var tail: Tail?
    /// A lower sequence that is read is old.
    private var newest: UInt64 = 0
    private var isReading = false
    private var inFlight: (message: AgencyMessage, work: [Work])?
    private var waiting: [Work] = []
    private var mustClose = false
    private let maxRecordBytes: Int

    /// - Parameter maxRecordBytes: of a message; the engine has a limit.
    package init(agency: AgencyID, node: UInt64, maxRecordBytes: Int = 900_000) {
        self.agency = agency
        self.node = node
        self.maxRecordBytes = maxRecordBytes
    }

    /// Whether the agency has an end: its last chunk, or a close.
    package var isEnded: Bool { tail.map { $0.isClosed || $0.standing.isFinished } ?? false }

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

    /// The outcome of the last publish.
    package mutating func published(_ outcome: PublishOutcome, at time: Instant) -> [Output] {
        guard let (message, work) = inFlight else { return [] }
        inFlight = nil
        guard case .stored(let sequence) = outcome else {
            // Everything is decided again, after a read.
            waiting = work + waiting
            tail = nil
            return next(time)
        }
        var outputs: [Output] = []
        advance(to: message, sequence)
        for done in work {
            switch done {
            case .hello(let connection): outputs.append(.welcome(connection: connection, message.before))
            case .chunk(let connection, let chunk):
                outputs.append(.acknowledged(connection: connection, sequence: chunk.sequence))
            }
        }
        return outputs + next(time)
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
            return next(time)
        }
        guard last.sequence >= newest else { return next(time) }
        tail = try Tail(last.message, sequence: last.sequence)
        newest = last.sequence
        return next(time)
    }

    // MARK: Decisions

    private mutating func advance(to message: AgencyMessage, _ sequence: UInt64) {
        guard let next = try? Tail(message, sequence: sequence) else {
            preconditionFailure("a message of our own is not valid")
        }
        newest = max(newest, sequence)
        tail = next
    }

    /// Publishes what is next, or reads, unless the engine has not answered yet.
    private mutating func next(_ time: Instant) -> [Output] {
        guard inFlight == nil, !isReading, mustClose || !waiting.isEmpty else { return [] }
        guard let tail else {
            isReading = true
            return [.readLast]
        }
        if mustClose, !tail.isClosed, !tail.standing.isFinished {
            return publish(.close, Sender(node: node, connection: 0), tail, [], [])
        }
        mustClose = false
        var outputs: [Output] = []
        var (records, work): ([UInt8], [Work]) = ([], [])
        var standing = tail.standing
        let isEnded = tail.isClosed || standing.isFinished
        while let first = waiting.first {
            switch first {
            case .hello(let connection):
                if !work.isEmpty { return outputs + publish(.group, tail.sender, tail, records, work) }
                waiting.removeFirst()
                if isEnded {
                    // Nothing is added any more, so the standing is final and needs no proof.
                    outputs.append(.welcome(connection: connection, standing))
                    continue
                }
                let sender = Sender(node: node, connection: connection)
                return outputs + publish(.session, sender, tail, [], [first])
            case .chunk(let connection, let chunk):
                let isSender = tail.sender == Sender(node: node, connection: connection)
                if !isSender, !isEnded {
                    waiting.removeAll { if case .chunk(connection, _) = $0 { true } else { false } }
                    outputs.append(.superseded(connection: connection))
                    continue
                }
                if records.count + chunk.payload.count + RecordHeader.byteCount > maxRecordBytes, !work.isEmpty {
                    return outputs + publish(.group, tail.sender, tail, records, work)
                }
                let isRepeated = chunk.sequence > 0 && chunk.sequence < standing.nextSequence
                // The repeated chunk may be in this message, which is stored first.
                if isRepeated, !work.isEmpty { return outputs + publish(.group, tail.sender, tail, records, work) }
                waiting.removeFirst()
                if isRepeated {
                    outputs.append(.compare(connection: connection, chunk))
                } else if isEnded {
                    outputs.append(.closed(connection: connection, sequence: chunk.sequence))
                } else if let bytes = record(chunk, &standing, time) {
                    records += bytes
                    work.append(first)
                } else {
                    outputs.append(.outOfOrder(connection: connection, sequence: chunk.sequence))
                }
            }
        }
        return work.isEmpty ? outputs : outputs + publish(.group, tail.sender, tail, records, work)
    }

    /// Makes the record of the next chunk; nil for one that is not the next.
    private func record(_ chunk: Chunk, _ standing: inout AgencyStanding, _ time: Instant) -> [UInt8]? {
        let header = RecordHeader(
            kind: chunk.kind, count: chunk.count, agency: agency, sequence: chunk.sequence, time: time.milliseconds,
            firstBetIndex: standing.storedBets, payloadBytes: chunk.payload.count,
            payloadChecksum: CRC32C.checksum(chunk.payload.span.bytes))
        do throws(ChainFault) {
            try standing.apply(AgencyMessage.Record(header: header, payload: chunk.payload), of: agency)
        } catch {
            return nil
        }
        let bytes = header.bytes
        return bytes.indices.map { bytes[$0] } + chunk.payload
    }

    private mutating func publish(
        _ kind: AgencyMessage.Kind, _ sender: Sender?, _ tail: Tail, _ records: [UInt8], _ work: [Work]
    ) -> [Output] {
        let message = AgencyMessage(
            kind, agency: agency, sender: sender ?? Sender(node: node, connection: 0), before: tail.standing,
            previous: tail.digest, records: records)
        inFlight = (message, work)
        return [.publish(message, after: tail.sequence)]
    }
}

package import Domain
package import WireProtocol

/// The recorded position and totals of one agency's stream.
///
/// Pure; shared by the live service, recovery and `verify`.
package struct AgencyStanding: Equatable, Sendable {
    /// From 1.
    package private(set) var nextSequence: UInt32 = 1
    package private(set) var storedBets: UInt64 = 0
    package private(set) var rejectedBets: UInt64 = 0
    /// Whether the last chunk is stored.
    package private(set) var isFinished = false
    /// When its last chunk was recorded; 0 before the first.
    package private(set) var lastTime = Instant(milliseconds: 0)
    private var lastChunk = StreamRecord.LastChunk.none
    private var lastCount: UInt16 = 0
    /// The digest of the last chunk's bets; nil before the first chunk, and if it is not known.
    private var lastBets: BetsDigest?
    /// The digest of all recorded bets; nil after a rejection of version 1, which has no digest.
    private var digest: BetsDigest? = BetsDigest()

    /// Makes an empty standing.
    package init() {}

    /// A sequence compared with the recorded chunks.
    package enum SequenceVerdict: Equatable, Sendable {
        case next
        case repeated
        /// Chunks before it are missing.
        case gap
        case afterLast
    }

    package func verdict(on sequence: UInt32) -> SequenceVerdict {
        // The highest sequence is never accepted, so there is always a next one.
        if sequence == 0 || sequence > nextSequence || sequence == .max { return isFinished ? .afterLast : .gap }
        if sequence < nextSequence { return .repeated }
        return isFinished ? .afterLast : .next
    }

    /// Adds the next chunk.
    ///
    /// - Parameters:
    ///   - count: the number of its bets; 0 for malformed columns.
    ///   - bets: the digest of its bets; nil if unknown.
    ///   - time: of its record.
    /// - Precondition: `verdict(on:)` its sequence is `next`.
    package mutating func apply(_ kind: RecordHeader.Kind, count: Int, bets: BetsDigest?, at time: Instant) {
        precondition(!isFinished, "a finished agency takes no chunk")
        nextSequence += 1
        lastTime = time
        lastChunk = kind == .rejection ? .rejected : .stored
        lastCount = UInt16(count)
        lastBets = bets
        if let bets { digest?.append(bets) } else { digest = nil }
        switch kind {
        case .chunk: storedBets += UInt64(count)
        case .lastChunk:
            storedBets += UInt64(count)
            isFinished = true
        case .rejection: rejectedBets += UInt64(count)
        case .numberedSeal, .start, .seal: preconditionFailure("a record of the service's own belongs to no agency")
        }
    }

    /// Whether both have the same chunks, whenever they were recorded.
    package func isSame(as other: AgencyStanding) -> Bool {
        var copy = self
        copy.lastTime = other.lastTime
        return copy == other
    }

    /// The record in WELCOME.
    package var stream: StreamRecord {
        StreamRecord(
            lastChunk: lastChunk, lastCount: lastCount, lastChecksum: lastBets?.checksum ?? 0,
            checksum: digest?.checksum)
    }
}

// MARK: - In a message of a replicated ledger

extension AgencyStanding {
    /// The size of ``bytes``.
    package static let byteCount = 127

    /// Everything that a service must know of an agency, so that another one can continue.
    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.byteCount)
        bytes.append(bigEndian: nextSequence)
        bytes.append(bigEndian: storedBets)
        bytes.append(bigEndian: rejectedBets)
        bytes.append(bigEndian: lastTime.milliseconds)
        bytes += [isFinished ? 1 : 0, lastChunk.rawValue, lastBets == nil ? 0 : 1, digest == nil ? 0 : 1]
        bytes.append(bigEndian: lastCount)
        bytes += (lastBets ?? BetsDigest()).bytes + (digest ?? BetsDigest()).bytes
        return bytes + [UInt8](repeating: 0, count: Self.byteCount - bytes.count)
    }

    /// Reads ``bytes``.
    ///
    /// - Throws: ``MessageFault``.
    package init(_ reader: inout ByteReader) throws(MessageFault) {
        let start = reader.index
        nextSequence = try reader.readInteger()
        storedBets = try reader.readInteger()
        rejectedBets = try reader.readInteger()
        lastTime = Instant(milliseconds: try reader.readInteger())
        // Changed bytes must not end the program that counts on from them.
        let most = UInt64.max >> 1
        guard nextSequence > 0, storedBets < most, rejectedBets < most else { throw .truncated(atByte: start) }
        isFinished = try reader.readInteger(UInt8.self) == 1
        lastChunk = StreamRecord.LastChunk(rawValue: try reader.readInteger()) ?? .none
        let (hasLast, hasDigest) = (try reader.readInteger(UInt8.self) == 1, try reader.readInteger(UInt8.self) == 1)
        lastCount = try reader.readInteger()
        let last = try BetsDigest(&reader, count: Int(lastCount))
        let all = try BetsDigest(&reader, count: Int(UInt32(truncatingIfNeeded: storedBets &+ rejectedBets)))
        lastBets = hasLast ? last : nil
        digest = hasDigest ? all : nil
        reader.skip(byteCount: start + Self.byteCount - reader.index)
    }
}

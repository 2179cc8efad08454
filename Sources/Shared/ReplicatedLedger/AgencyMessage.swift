package import Domain
package import Ledger
package import WireProtocol

/// A message of an agency's subject: what a node adds to the agency's records.
///
/// It says everything about the agency before it, and holds the digest of the message before it. So the agency's last
/// message alone tells any node where to continue, and a lost or foreign message breaks the chain.
///
/// Pure.
package struct AgencyMessage: Equatable, Sendable {
    package enum Kind: UInt8, Sendable {
        /// A connection became the agency's sender; no records.
        case session = 1
        /// Chunks and rejections.
        case group = 2
        /// The draw takes nothing more of the agency; no records.
        case close = 3
        /// Chunks that the engine has lost, sent again after the agency's end; they have their own sequences.
        case repair = 4

        /// Whether the agency has ended with the message, whatever its records are.
        package var isEnd: Bool { self == .close || self == .repair }
    }

    /// The sender of an agency: a connection of a node.
    package struct Sender: Hashable, Sendable {
        /// Random, of the node's process.
        package var node: UInt64
        package var connection: UInt64

        package init(node: UInt64, connection: UInt64) {
            self.node = node
            self.connection = connection
        }
    }

    package static let version: UInt8 = 1

    package var kind: Kind
    package var agency: AgencyID
    /// The agency's sender from this message on; of the node alone in a close.
    package var sender: Sender
    /// How many messages the agency has before it.
    package var number: UInt64
    /// The agency before this message.
    package var before: AgencyStanding
    /// ``digest`` of the agency's message before; ``noPrevious`` for the first.
    package var previous: [UInt8]
    /// Records as in a ledger, one after the other; `firstBetIndex` counts the agency's own bets.
    package var records: [UInt8]

    package static let noPrevious = [UInt8](repeating: 0, count: 32)

    package init(
        _ kind: Kind, agency: AgencyID, sender: Sender, number: UInt64, before: AgencyStanding, previous: [UInt8],
        records: [UInt8] = []
    ) {
        self.kind = kind
        self.agency = agency
        self.sender = sender
        self.number = number
        self.before = before
        self.previous = previous
        self.records = records
    }

    package var bytes: [UInt8] {
        var bytes = [Self.version, kind.rawValue]
        bytes.append(bigEndian: agency.rawValue)
        bytes.append(bigEndian: sender.node)
        bytes.append(bigEndian: sender.connection)
        bytes.append(bigEndian: number)
        return bytes + before.bytes + previous + records
    }

    /// SHA-256 of ``bytes``.
    package var digest: [UInt8] { SHA256.hash(data: bytes) }

    /// Reads a message.
    ///
    /// - Throws: ``MessageFault``.
    package init(_ bytes: [UInt8]) throws(MessageFault) {
        var reader = ByteReader(bytes)
        guard try reader.readInteger(UInt8.self) == Self.version,
            let kind = Kind(rawValue: try reader.readInteger())
        else { throw .truncated(atByte: 0) }
        self.kind = kind
        agency = AgencyID(try reader.readInteger())
        sender = Sender(node: try reader.readInteger(), connection: try reader.readInteger())
        number = try reader.readInteger()
        // One more message follows it.
        guard number < .max else { throw .truncated(atByte: 0) }
        before = try AgencyStanding(&reader)
        guard reader.remainingBytes >= 32 else { throw .truncated(atByte: bytes.count) }
        previous = Array(bytes[reader.index..<reader.index + 32])
        records = Array(bytes[(reader.index + 32)...])
    }

    /// Reads a message of a draw's stream; one in the subject of another agency is invalid.
    ///
    /// - Throws: ``MessageFault``.
    package init(_ stored: StoredMessage, in draw: DrawID) throws(MessageFault) {
        try self.init(stored.bytes)
        guard stored.subject == EngineStream.subject(of: agency, in: draw) else { throw .truncated(atByte: 0) }
    }

    /// A record of a message, with its payload.
    package struct Record: Equatable, Sendable {
        package var header: RecordHeader
        package var payload: [UInt8]
    }

    /// The records, checked: each is whole, of this agency, and the next in sequence; those of a repair are only whole.
    ///
    /// - Returns: the records, and the agency after the message.
    /// - Throws: ``ChainFault``.
    package func checked() throws(ChainFault) -> (records: [Record], after: AgencyStanding) {
        guard kind == .group || kind == .repair || records.isEmpty else { throw ChainFault("it may have no records") }
        var (read, standing, index): ([Record], AgencyStanding, Int) = ([], before, 0)
        while index < records.count {
            let record: Record
            do throws(RecordHeader.Fault) {
                let header = try RecordHeader(records.span.bytes.extracting(index...))
                let start = index + RecordHeader.byteCount
                record = Record(header: header, payload: Array(records[start..<start + header.payloadBytes]))
            } catch {
                throw ChainFault("a record is damaged")
            }
            index += RecordHeader.byteCount + record.header.payloadBytes
            if kind != .repair { try standing.apply(record, of: agency) }
            read.append(record)
        }
        return (read, standing)
    }
}

/// A contradiction in an agency's messages: the engine lost, changed, repeated or reordered one.
package struct ChainFault: Error, Equatable, Sendable, CustomStringConvertible {
    package var description: String

    package init(_ description: String) { self.description = description }
}

extension AgencyStanding {
    /// Adds a record of a message.
    ///
    /// - Throws: ``ChainFault`` for one that cannot follow.
    mutating func apply(_ record: AgencyMessage.Record, of agency: AgencyID) throws(ChainFault) {
        let header = record.header
        guard header.agency == agency, !header.kind.isService else {
            throw ChainFault("a record belongs to agency \(header.agency)")
        }
        guard verdict(on: header.sequence) == .next, header.firstBetIndex == storedBets else {
            throw ChainFault("sequence \(header.sequence) does not follow \(nextSequence - 1)")
        }
        let (count, bets): (Int, BetsDigest?)
        do throws(PayloadFault) {
            (count, bets) = try header.bets(in: record.payload.span, isDigested: true)
        } catch {
            throw ChainFault(error.description)
        }
        apply(header.kind, count: count, bets: bets, at: Instant(milliseconds: header.time))
    }
}

package import Domain
import WireProtocol

/// The header of a record, 36 bytes before its payload.
package struct RecordHeader: Equatable, Sendable {
    package enum Kind: UInt8, Sendable {
        /// Payload: the bets by column, as received.
        case chunk = 1
        /// The agency's last; otherwise the same.
        case lastChunk = 2
        /// Payload: ``RejectionRecord``.
        case rejection = 3
        /// Payload: ``SealRecord`` of version 1, with the winning number.
        ///
        /// Only the closing group follows.
        case numberedSeal = 4
        /// Payload: ``StartRecord``.
        ///
        /// Only in ledgers of version 2.
        case start = 5
        /// Payload: ``SealRecord``.
        ///
        /// Only the closing group follows.
        case seal = 6

        /// Whether the record belongs to the service, and to no agency.
        package var isService: Bool { self == .numberedSeal || self == .start || self == .seal }
    }

    package static let byteCount = 36

    package var kind: Kind
    /// Bets in the chunk, stored or rejected.
    package var count: Int
    package var agency: AgencyID
    package var sequence: UInt32
    /// Server time, milliseconds since 1970.
    package var time: UInt64
    /// Bets stored in the ledger before this record.
    package var firstBetIndex: UInt64
    package var payloadBytes: Int
    package var checksum: UInt32

    package init(
        kind: Kind, count: Int, agency: AgencyID, sequence: UInt32, time: UInt64,
        firstBetIndex: UInt64, payloadBytes: Int, payloadChecksum: UInt32
    ) {
        self.init(
            kind: kind, checksum: 0, count: count, agency: agency, sequence: sequence, time: time,
            firstBetIndex: firstBetIndex, payloadBytes: payloadBytes)
        checksum = CRC32C.checksum(
            bytes.span.bytes.extracting(8...), continuing: payloadChecksum)
    }

    /// The encoded header.
    ///
    /// The checksum covers the payload before the other fields, so that a worker can compute the payload's part before
    /// the committer knows time and position.
    ///
    /// Does not allocate: it runs for every chunk, on the committer's thread.
    package var bytes: InlineArray<36, UInt8> {
        var bytes = InlineArray<36, UInt8>(repeating: 0)
        var span = bytes.mutableSpan
        var fields = span.mutableBytes
        fields.store(UInt32(Self.byteCount + payloadBytes), at: 0)
        fields.store(checksum, at: Self.checksumRange.lowerBound)
        fields.store(kind.rawValue, at: 8)
        fields.store(UInt16(count), at: 10)
        fields.store(agency.rawValue, at: 12)
        fields.store(sequence, at: 16)
        fields.store(time, at: 20)
        fields.store(firstBetIndex, at: 28)
        return bytes
    }

    /// The position of its checksum.
    static let checksumRange = 4..<8

    /// The reason bytes are not a record of this version.
    package enum Fault: Error, Equatable, Sendable {
        /// The record is incomplete, or its checksum does not match.
        case invalid
        /// The checksum matches; a newer version wrote the record.
        case unknownKind(UInt8)
    }

    /// Reads a record.
    ///
    /// The checksum is checked before the kind: a complete record of an unknown kind is not mistaken for a torn one.
    package init(_ bytes: RawSpan) throws(Fault) {
        guard bytes.byteCount >= Self.byteCount else { throw .invalid }
        let recordBytes = Int(bytes.integer(at: 0, as: UInt32.self))
        guard recordBytes >= Self.byteCount, recordBytes <= bytes.byteCount else { throw .invalid }
        let payload = bytes.extracting(Self.byteCount..<recordBytes)
        let code: UInt8 = bytes.integer(at: 8)
        let expected = CRC32C.checksum(
            bytes.extracting(8..<Self.byteCount), continuing: CRC32C.checksum(payload))
        guard expected == bytes.integer(at: 4) else { throw .invalid }
        guard let kind = Kind(rawValue: code), bytes.integer(at: 9, as: UInt8.self) == 0 else {
            throw .unknownKind(code)
        }
        self.init(
            kind: kind, checksum: expected, count: Int(bytes.integer(at: 10, as: UInt16.self)),
            agency: AgencyID(bytes.integer(at: 12)), sequence: bytes.integer(at: 16),
            time: bytes.integer(at: 20), firstBetIndex: bytes.integer(at: 28),
            payloadBytes: payload.byteCount)
    }

    private init(
        kind: Kind, checksum: UInt32, count: Int, agency: AgencyID, sequence: UInt32, time: UInt64,
        firstBetIndex: UInt64, payloadBytes: Int
    ) {
        self.kind = kind
        self.checksum = checksum
        self.count = count
        self.agency = agency
        self.sequence = sequence
        self.time = time
        self.firstBetIndex = firstBetIndex
        self.payloadBytes = payloadBytes
    }
}

extension MutableRawSpan {
    @_lifetime(self: copy self)
    fileprivate mutating func store<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value, at offset: Int) {
        storeBytes(of: value.bigEndian, toByteOffset: offset, as: Value.self)
    }
}

extension RawSpan {
    func integer<Value: FixedWidthInteger & BitwiseCopyable>(
        at offset: Int, as type: Value.Type = Value.self
    ) -> Value {
        Value(bigEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: Value.self))
    }
}

package import Ledger
package import WireProtocol

extension SubjectWriter {
    /// A chunk that was checked: the record that it becomes.
    package struct Chunk: Equatable, Sendable {
        package var kind: RecordHeader.Kind
        package var sequence: UInt32
        /// Bets claimed.
        package var count: Int
        /// Bets stored or rejected; 0 for malformed columns.
        package var betCount: Int
        /// Of its bets; nil if unknown.
        package var digest: BetsDigest?
        /// The record's payload begins at `payloadIndex`.
        package var bytes: [UInt8]
        package var payloadIndex: Int
        package var payloadChecksum: UInt32

        package init(
            kind: RecordHeader.Kind, sequence: UInt32, count: Int, betCount: Int, digest: BetsDigest?, bytes: [UInt8],
            payloadIndex: Int, payloadChecksum: UInt32
        ) {
            self.kind = kind
            self.sequence = sequence
            self.count = count
            self.betCount = betCount
            self.digest = digest
            self.bytes = bytes
            self.payloadIndex = payloadIndex
            self.payloadChecksum = payloadChecksum
        }

        var payload: Span<UInt8> { bytes.span.extracting(payloadIndex...) }
        var recordBytes: Int { RecordHeader.byteCount + bytes.count - payloadIndex }
    }
}

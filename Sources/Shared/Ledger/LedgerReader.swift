import Domain
package import Storage
import WireProtocol

/// A reader of a ledger from its start, which checks every byte.
///
/// Takes no lock; memory is one group and a window of at most 1 MiB.
///
/// Isolation: one thread. Its calls block on the disk.
package struct LedgerReader {
    package let header: LedgerHeader
    /// The header's block as stored.
    package let headerBlock: [UInt8]
    package let path: String
    /// The file's size when the reader was opened; it may have grown since.
    package let fileBytes: Int
    /// The offset at which the next group is expected.
    package private(set) var offset = Limits.blockBytes
    /// The offset of the group that ``nextGroup()`` returned last.
    private var groupOffset = Limits.blockBytes
    private let file: any DiskFile
    private var nextNumber: UInt64 = 1
    private var lastKind: GroupHeader.Kind?
    /// A reused buffer.
    ///
    /// Its first `windowBytes` are those of the file from `windowOffset` on.
    private var window: [UInt8] = []
    private var windowOffset = 0
    private var windowBytes = 0
    /// The size of one read; a larger group is read whole.
    private static let readBytes = 1 << 20

    /// Opens a ledger and checks its header.
    ///
    /// - Throws: `disk` with ENOENT if there is no file, `badHeader` unless it is a ledger of version 1 or 2.
    package init(_ path: String, on disk: any Disk) throws(LedgerError) {
        self.path = path
        do throws(DiskError) {
            file = try disk.open(path, .readOnly)
            fileBytes = try file.size()
            headerBlock = try file.read(at: 0, byteCount: Limits.blockBytes)
        } catch {
            throw .disk(error)
        }
        header = try LedgerHeader(block: headerBlock, path: path)
    }

    /// A record of the current group.
    package struct Record: Sendable {
        package let header: RecordHeader
        /// The offset of its first byte in the ledger.
        package let offset: Int
    }

    /// Reads the next group's records; nil at the end, which ``findEnd()`` then describes.
    ///
    /// - Throws: `damaged` if a group that was durable has changed; `disk` if it cannot be read.
    package mutating func nextGroup() throws(LedgerError) -> [Record]? {
        var outcome = try readGroup()
        if case .failure = outcome, try hasGroup(after: offset) {
            // If a service is running, the group may have been completed since it was read.
            windowBytes = 0
            outcome = try readGroup()
            if case .failure(let fault) = outcome {
                throw .damaged(path: path, offset: offset + fault.index, reason: fault.text)
            }
        }
        return try? outcome.get()
    }

    /// Runs `body` with the payload of a record of the last group, without copying it.
    package func withPayload<Result, Failure: Error>(
        of record: Record, _ body: (Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let start = record.offset - windowOffset + RecordHeader.byteCount
        return try body(window.span.extracting(start..<start + record.header.payloadBytes))
    }

    /// Runs `body` with the last group, header and padding included, without copying it.
    package func withGroupBytes<Result>(_ body: (RawSpan) -> Result) -> Result {
        body(window.span.bytes.extracting(groupOffset - windowOffset..<offset - windowOffset))
    }

    /// Finds the ledger's end after ``nextGroup()`` has returned nil.
    package mutating func findEnd() throws(LedgerError) -> LedgerEnd {
        var tornBytes = 0
        var position = offset
        while true {
            try fill(from: position, byteCount: Limits.blockBytes)
            let available = windowOffset + windowBytes - position
            if available <= 0 { break }
            let rest = window.span.bytes.extracting(position - windowOffset..<windowBytes)
            if let last = rest.lastNonzeroOffset { tornBytes = position + last + 1 - offset }
            position += available
        }
        return LedgerEnd(
            offset: offset, lastGroupNumber: nextNumber - 1, isClosed: lastKind == .closing,
            tornBytes: tornBytes)
    }

    private struct GroupFault: Error {
        var index: Int
        var text: String
    }

    private mutating func readGroup() throws(LedgerError) -> Result<[Record], GroupFault> {
        try fill(from: offset, byteCount: Limits.blockBytes)
        var start = offset - windowOffset
        guard windowBytes >= start + Limits.blockBytes else {
            return .failure(GroupFault(index: 0, text: "the file ends inside a group's first block"))
        }
        guard let group = GroupHeader(window.span.bytes.extracting(start..<windowBytes)) else {
            return .failure(GroupFault(index: 0, text: "no valid group header"))
        }
        guard group.ledgerID == header.ledgerID, group.number == nextNumber else {
            return .failure(
                GroupFault(
                    index: 16,
                    text: "found group \(group.number) of ledger \(group.ledgerID) instead of group "
                        + "\(nextNumber) of ledger \(header.ledgerID)"))
        }
        guard group.kind != nil else {
            throw .unknownKind(path: path, offset: offset, what: "group", kind: group.kindCode)
        }
        try fill(from: offset, byteCount: group.paddedBytes)
        start = offset - windowOffset
        guard windowBytes >= start + group.paddedBytes else {
            return .failure(GroupFault(index: 8, text: "the file ends inside a group"))
        }
        let outcome = try parse(
            group, window.span.bytes.extracting(start..<start + group.paddedBytes))
        if case .success = outcome {
            groupOffset = offset
            offset += group.paddedBytes
            nextNumber += 1
            lastKind = group.kind
        }
        return outcome
    }

    private func parse(_ group: GroupHeader, _ bytes: RawSpan) throws(LedgerError) -> Result<[Record], GroupFault> {
        var records: [Record] = []
        records.reserveCapacity(min(group.recordCount, group.groupBytes / RecordHeader.byteCount))
        var index = GroupHeader.byteCount
        var checksum: UInt32 = 0
        while index < group.groupBytes {
            let record: RecordHeader
            do throws(RecordHeader.Fault) {
                record = try RecordHeader(bytes.extracting(index..<group.groupBytes))
            } catch {
                guard case .unknownKind(let kind) = error else {
                    return .failure(GroupFault(index: index, text: "a record's checksum is wrong"))
                }
                throw .unknownKind(path: path, offset: offset + index, what: "record", kind: kind)
            }
            records.append(Record(header: record, offset: offset + index))
            checksum = CRC32C.checksum(bytes.extracting(index + 4..<index + 8), continuing: checksum)
            index += RecordHeader.byteCount + record.payloadBytes
        }
        guard records.count == group.recordCount, checksum == group.recordsChecksum else {
            return .failure(
                GroupFault(index: 0, text: "the group's checksum does not match its records"))
        }
        if let last = bytes.extracting(group.groupBytes...).lastNonzeroOffset {
            return .failure(
                GroupFault(
                    index: group.groupBytes + last, text: "the padding of a group is not zero"))
        }
        return .success(records)
    }

    /// Whether a later group of any kind begins after `start`: then those bytes had been durable and are damaged, not torn.
    private mutating func hasGroup(after start: Int) throws(LedgerError) -> Bool {
        var position = start + Limits.blockBytes
        while true {
            try fill(from: position, byteCount: Limits.blockBytes)
            guard windowOffset + windowBytes >= position + Limits.blockBytes else { return false }
            if let group = GroupHeader(window.span.bytes.extracting(position - windowOffset..<windowBytes)),
                group.ledgerID == header.ledgerID,
                group.number > nextNumber
            {
                return true
            }
            position += Limits.blockBytes
        }
    }

    /// Fills the window with `byteCount` bytes of the file from `position`, or all up to the end.
    private mutating func fill(from position: Int, byteCount: Int) throws(LedgerError) {
        let known = windowOffset + windowBytes - position
        if position >= windowOffset, byteCount <= known { return }
        let wanted = max(byteCount, min(Self.readBytes, fileBytes))
        if window.count < wanted { window += [UInt8](repeating: 0, count: wanted - window.count) }
        // The bytes in the window already move to its start; the rest is read after them.
        let kept = position >= windowOffset ? max(0, known) : 0
        let (file, end) = (file, windowBytes)
        var (count, failure): (Int, DiskError?) = (kept, nil)
        window.withUnsafeMutableBytes { window in
            window.copyMemory(from: UnsafeRawBufferPointer(rebasing: window[end - kept..<end]))
            do throws(DiskError) {
                while count < wanted {
                    let room = UnsafeMutableRawBufferPointer(rebasing: window[count..<wanted])
                    let more = try file.read(at: position + count, into: room)
                    if more == 0 { break }
                    count += more
                }
            } catch {
                failure = error
            }
        }
        (windowOffset, windowBytes) = (position, count)
        if let failure { throw .disk(failure) }
    }
}

extension RawSpan {
    /// Nil if all bytes are zero; compares eight at a time.
    fileprivate var lastNonzeroOffset: Int? {
        var end = byteCount
        while end >= 8, unsafeLoadUnaligned(fromByteOffset: end - 8, as: UInt64.self) == 0 {
            end -= 8
        }
        while end > 0, unsafeLoad(fromByteOffset: end - 1, as: UInt8.self) == 0 { end -= 1 }
        return end == 0 ? nil : end - 1
    }
}

/// The end of a ledger: its last valid group, and what follows it.
package struct LedgerEnd: Equatable, Sendable {
    /// The offset of the next group.
    package var offset: Int
    /// 0 for a ledger without groups.
    package var lastGroupNumber: UInt64
    /// Whether a clean stop or a seal ended the ledger.
    package var isClosed: Bool
    /// The size of a torn group: the bytes after the last valid group, up to the last one that is not zero.
    package var tornBytes: Int

    package init(offset: Int, lastGroupNumber: UInt64, isClosed: Bool, tornBytes: Int) {
        self.offset = offset
        self.lastGroupNumber = lastGroupNumber
        self.isClosed = isClosed
        self.tornBytes = tornBytes
    }
}

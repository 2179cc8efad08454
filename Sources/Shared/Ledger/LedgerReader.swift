import Domain
package import Storage
import WireProtocol

/// Reads a ledger from its start, group by group, and checks every byte: what recovery, the draw, `export`, `verify`
/// and `status` see.
///
/// Takes no lock; memory is one group and a window of 1 MiB at most.
///
/// Isolation: one thread. Its calls block on the disk.
package struct LedgerReader {
    package let header: LedgerHeader
    /// The block that holds it, as it stands in the file.
    package let headerBlock: [UInt8]
    package let path: String
    /// The file's size when the reader was opened.
    ///
    /// It may have grown since.
    package let fileBytes: Int
    /// The byte at which the next group is expected.
    package private(set) var offset = Limits.blockBytes
    /// Where the group begins that ``nextGroup()`` returned last.
    private var groupOffset = Limits.blockBytes
    private let file: any DiskFile
    private var nextNumber: UInt64 = 1
    private var lastKind: GroupHeader.Kind?
    /// Memory that is used again and again.
    ///
    /// The first `windowBytes` are the file's from `windowOffset` on.
    private var window: [UInt8] = []
    private var windowOffset = 0
    private var windowBytes = 0
    /// Read at once, or a whole group where it is larger.
    private static let readBytes = 1 << 20

    /// Opens a ledger and checks its header.
    ///
    /// - Throws: `disk` with ENOENT where there is none, `badHeader` for anything else than a ledger of version 1 or 2.
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
        /// The record's first byte in the ledger.
        package let offset: Int
    }

    /// The next group's records, or nil at the end: then ``findEnd()`` tells what is there.
    ///
    /// - Throws: `damaged` for a group that was durable and is not what was written; `disk` where it cannot be read.
    package mutating func nextGroup() throws(LedgerError) -> [Record]? {
        var outcome = try readGroup()
        if case .failure = outcome, try hasGroup(after: offset) {
            // Beside a running service the group may have become whole since it was read.
            windowBytes = 0
            outcome = try readGroup()
            if case .failure(let fault) = outcome {
                throw .damaged(path: path, offset: offset + fault.index, reason: fault.text)
            }
        }
        return try? outcome.get()
    }

    /// Runs `body` with the payload of a record of the group that ``nextGroup()`` returned last.
    ///
    /// Nothing is copied.
    package func withPayload<Result, Failure: Error>(
        of record: Record, _ body: (Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let start = record.offset - windowOffset + RecordHeader.byteCount
        return try body(window.span.extracting(start..<start + record.header.payloadBytes))
    }

    /// Runs `body` with the bytes of the group that ``nextGroup()`` returned last, its header and padding included.
    ///
    /// Nothing is copied.
    package func withGroupBytes<Result>(_ body: (RawSpan) -> Result) -> Result {
        body(window.span.bytes.extracting(groupOffset - windowOffset..<offset - windowOffset))
    }

    /// What lies behind the last group, once ``nextGroup()`` has returned nil.
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
        /// The byte at fault, from the group's first.
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
                    text: "group \(group.number) of ledger \(group.ledgerID) is where group "
                        + "\(nextNumber) of \(header.ledgerID) is expected"))
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

    /// Whether a group of this ledger that was written later, of whatever kind, begins after `start`.
    ///
    /// Then the bytes at `start` had been durable: they are damaged, not torn.
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

    /// Makes the window hold the file's bytes from `position` on: `byteCount` of them, or all up to the end.
    private mutating func fill(from position: Int, byteCount: Int) throws(LedgerError) {
        let known = windowOffset + windowBytes - position
        if position >= windowOffset, byteCount <= known { return }
        let wanted = max(byteCount, min(Self.readBytes, fileBytes))
        if window.count < wanted { window += [UInt8](repeating: 0, count: wanted - window.count) }
        // What has been read of it moves to the front; the rest comes behind it.
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
    /// The last byte that is not zero.
    ///
    /// Eight bytes a step.
    fileprivate var lastNonzeroOffset: Int? {
        var end = byteCount
        while end >= 8, unsafeLoadUnaligned(fromByteOffset: end - 8, as: UInt64.self) == 0 {
            end -= 8
        }
        while end > 0, unsafeLoad(fromByteOffset: end - 1, as: UInt8.self) == 0 { end -= 1 }
        return end == 0 ? nil : end - 1
    }
}

/// What lies behind a ledger's last valid group.
package struct LedgerEnd: Equatable, Sendable {
    /// Behind the last valid group: where the next one will be written.
    package var offset: Int
    /// 0 for a ledger without groups.
    package var lastGroupNumber: UInt64
    /// Whether the last group is a closing one: the service was stopped cleanly, or the ledger is sealed.
    package var isClosed: Bool
    /// Bytes up to the last one that is not zero: what is left of a group that was being written.
    package var tornBytes: Int

    package init(offset: Int, lastGroupNumber: UInt64, isClosed: Bool, tornBytes: Int) {
        self.offset = offset
        self.lastGroupNumber = lastGroupNumber
        self.isClosed = isClosed
        self.tornBytes = tornBytes
    }
}

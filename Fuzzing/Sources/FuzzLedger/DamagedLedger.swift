import FuzzKit
import Ledger

/// A small ledger that the input damages.
struct DamagedLedger {
    private(set) var bytes: [UInt8]
    /// Whether a header with a valid checksum was forged, so that groups may legitimately differ from the written ones.
    private var isForged = false
    private let original: SmallLedger
    private let groups: [[WholeRecord]]

    init(_ ledger: SmallLedger) {
        original = ledger
        bytes = ledger.bytes
        do throws(LedgerError) {
            groups = try FoundLedger(ledger.bytes).groups
            _ = try LedgerContents(reading: SmallLedger.path, on: MemoryDisk(ledger.bytes))
        } catch {
            violated("a ledger that was written cannot be read: \(error)")
        }
        require(groups.count == ledger.offsets.count - 1, "\(groups.count) groups are read")
    }

    /// Damages the bytes as the input says: flips, overwrites, cuts, appends, copies, forges.
    mutating func damage(_ input: inout FuzzInput) {
        while !input.isAtEnd {
            let kind = input.choice(7)
            let block = bytes.isEmpty ? 0 : input.choice((bytes.count + 4095) / 4096) * 4096
            let offset = min(bytes.count, block + Int(input.integer(UInt16.self) & 4095))
            switch kind {
            case 0:
                if offset < bytes.count { bytes[offset] ^= input.byte() }
            case 1:
                let run = offset..<min(bytes.count, offset + Int(input.byte()) * 32)
                bytes.replaceSubrange(run, with: repeatElement(input.byte(), count: run.count))
            case 2:
                bytes.removeSubrange(offset...)
            case 3:
                bytes += input.block()
            case 4:
                overwrite(input.block(), at: offset)
            case 5:
                // As a disk that writes a block to the wrong address.
                let from = input.choice(16) * 4096
                if from < bytes.count { overwrite(Array(bytes[from..<min(bytes.count, from + 4096)]), at: block) }
            default:
                forgeHeader(&input, at: block)
            }
        }
    }

    /// Replaces a group's header by a forged one with a valid checksum.
    private mutating func forgeHeader(_ input: inout FuzzInput, at block: Int) {
        guard block + 48 <= bytes.count, var group = GroupHeader(bytes.span.bytes.extracting(block...)) else { return }
        switch input.choice(6) {
        // Includes kinds of newer versions.
        case 0: group.kindCode = UInt8(input.choice(4))
        case 1: group.groupBytes = Int(input.integer(UInt32.self)) >> input.choice(32)
        case 2: group.recordCount = Int(input.integer(UInt32.self)) >> input.choice(32)
        case 3: group.number = UInt64(input.choice(12))
        case 4: group.ledgerID ^= UInt64(input.byte())
        default: group.recordsChecksum = input.integer()
        }
        overwrite(group.bytes, at: block)
        isForged = true
    }

    private mutating func overwrite(_ new: [UInt8], at offset: Int) {
        let end = min(bytes.count, offset + new.count)
        if offset < end { bytes.replaceSubrange(offset..<end, with: new[..<(end - offset)]) }
    }

    /// Checks that no record is invented and that no intact group is skipped.
    func check() {
        let found: FoundLedger
        do throws(LedgerError) {
            found = try FoundLedger(bytes)
        } catch {
            if (try? LedgerContents(reading: SmallLedger.path, on: MemoryDisk(bytes))) != nil {
                violated("\(error) is not noticed")
            }
            return
        }
        guard !isForged else { return }
        require(isEqual(bytes, original.bytes, in: 0..<4096), "a header that was changed is accepted")
        require(found.groups.count <= groups.count, "\(found.groups.count) groups of \(groups.count)")
        for (index, group) in found.groups.enumerated() {
            let isSame =
                group.count == groups[index].count && zip(group, groups[index]).allSatisfy { $0.isSame(as: $1) }
            require(isSame, "group \(index + 1) has other records than were written")
        }
        require(found.end.offset == original.offsets[found.groups.count], "the end is at \(found.end.offset)")
        for later in groups.indices where later > found.groups.count {
            let header = original.offsets[later]..<original.offsets[later] + GroupHeader.byteCount
            let isThere = header.lowerBound + 4096 <= bytes.count && isEqual(bytes, original.bytes, in: header)
            require(!isThere, "\(found.groups.count) groups are read, but group \(later + 1) is intact")
        }
    }
}

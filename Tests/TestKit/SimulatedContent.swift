/// The bytes of a file in memory; blocks that were never written are zeros and take no memory.
struct SimulatedContent: Sendable {
    private static let blockBytes = 4096
    private static let sectorBytes = 512

    /// The size of the file: growing appends zeros, shrinking discards the rest.
    var size: Int {
        get { storedSize }
        set {
            if newValue < storedSize {
                blocks = blocks.filter { $0.key * Self.blockBytes < newValue }
                let last = newValue / Self.blockBytes
                if let block = blocks[last] {
                    let kept = newValue - last * Self.blockBytes
                    blocks[last] = Array(block[..<kept]) + [UInt8](repeating: 0, count: Self.blockBytes - kept)
                }
            }
            storedSize = newValue
        }
    }

    private var storedSize = 0
    private var blocks: [Int: [UInt8]] = [:]

    init() {}

    init(_ bytes: [UInt8]) {
        write(bytes[...], at: 0)
    }

    func read(_ range: Range<Int>) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: range.count) { buffer, count in
            var offset = range.lowerBound
            while offset < range.upperBound {
                let (number, start) = offset.quotientAndRemainder(dividingBy: Self.blockBytes)
                let taken = min(Self.blockBytes - start, range.upperBound - offset)
                let target = UnsafeMutableBufferPointer(rebasing: buffer[count..<count + taken])
                if let block = blocks[number] {
                    _ = target.initialize(from: block[start..<start + taken])
                } else {
                    target.initialize(repeating: 0)
                }
                count += taken
                offset += taken
            }
        }
    }

    mutating func write(_ bytes: ArraySlice<UInt8>, at offset: Int) {
        storedSize = max(storedSize, offset + bytes.count)
        var rest = bytes
        var offset = offset
        while !rest.isEmpty {
            let (number, start) = offset.quotientAndRemainder(dividingBy: Self.blockBytes)
            let taken = min(Self.blockBytes - start, rest.count)
            var block = blocks[number] ?? [UInt8](repeating: 0, count: Self.blockBytes)
            block.replaceSubrange(start..<start + taken, with: rest.prefix(taken))
            blocks[number] = block
            rest = rest.dropFirst(taken)
            offset += taken
        }
    }

    /// Returns the sectors in which this content differs from another, in ascending order.
    func changedSectors(_ other: SimulatedContent) -> [Int] {
        var changed: [Int] = []
        let zeros = [UInt8](repeating: 0, count: Self.blockBytes)
        let perBlock = Self.blockBytes / Self.sectorBytes
        for number in Set(blocks.keys).union(other.blocks.keys).sorted() {
            let (mine, theirs) = (blocks[number] ?? zeros, other.blocks[number] ?? zeros)
            guard mine != theirs else { continue }
            for sector in 0..<perBlock {
                let range = sector * Self.sectorBytes..<(sector + 1) * Self.sectorBytes
                if mine[range] != theirs[range] { changed.append(number * perBlock + sector) }
            }
        }
        return changed
    }

    /// Returns the content that remains after a power loss.
    func afterPowerLoss(
        _ mode: SimulatedDisk.PowerLoss, durable: SimulatedContent, _ random: inout SeededGenerator
    ) -> SimulatedContent {
        switch mode {
        case .losesUnsynced: return durable
        case .keepsUnsynced: return self
        case .tearsSectors, .reorders, .keepsFirst, .losesFirst, .random: break
        }
        var survivor = self
        let changed = changedSectors(durable)
        for (index, sector) in changed.enumerated() {
            let isLost =
                switch mode {
                case .tearsSectors: sector % 2 == 1
                case .reorders: index < changed.count / 2
                case .keepsFirst(let sectors): index >= sectors
                case .losesFirst(let sectors): index < sectors
                default: Bool.random(using: &random)
                }
            if isLost { survivor.restore(sector, from: durable) }
        }
        if case .random = mode, Bool.random(using: &random) {
            survivor.size = durable.size
        }
        return survivor
    }

    private mutating func restore(_ sector: Int, from other: SimulatedContent) {
        let size = storedSize
        let offset = sector * Self.sectorBytes
        write(other.read(offset..<offset + Self.sectorBytes)[...], at: offset)
        storedSize = size
    }
}

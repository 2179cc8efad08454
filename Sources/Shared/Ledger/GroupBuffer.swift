import Domain

/// The bytes of one commit group, in block-aligned memory as O_DIRECT requires.
///
/// Isolation: owned by the ``LedgerWriter`` of one thread. Grows by doubling and keeps its memory, so a service whose
/// groups are small uses little.
struct GroupBuffer: ~Copyable {
    private(set) var count = 0
    private var memory: UnsafeMutableRawBufferPointer

    init() {
        memory = Self.allocate(64 << 10)
    }

    deinit {
        memory.deallocate()
    }

    mutating func removeAll() {
        count = 0
    }

    mutating func append(_ bytes: RawSpan) {
        reserve(count + bytes.byteCount)
        let target = UnsafeMutableRawBufferPointer(rebasing: memory[count...])
        bytes.withUnsafeBytes { target.copyMemory(from: $0) }
        count += bytes.byteCount
    }

    mutating func padToBlock() {
        let padded = (count + Limits.blockBytes - 1) / Limits.blockBytes * Limits.blockBytes
        reserve(padded)
        UnsafeMutableRawBufferPointer(rebasing: memory[count..<padded])
            .initializeMemory(as: UInt8.self, repeating: 0)
        count = padded
    }

    mutating func replace(at offset: Int, with bytes: [UInt8]) {
        precondition(offset + bytes.count <= count, "nothing was appended at \(offset)")
        bytes.withUnsafeBytes {
            UnsafeMutableRawBufferPointer(rebasing: memory[offset...]).copyMemory(from: $0)
        }
    }

    var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: memory[..<count])
    }

    mutating func reserve(_ byteCount: Int) {
        guard byteCount > memory.count else { return }
        var capacity = memory.count
        while capacity < byteCount { capacity *= 2 }
        let smaller = memory
        memory = Self.allocate(capacity)
        memory.copyMemory(from: UnsafeRawBufferPointer(rebasing: smaller[..<count]))
        smaller.deallocate()
    }

    private static func allocate(_ byteCount: Int) -> UnsafeMutableRawBufferPointer {
        .allocate(byteCount: byteCount, alignment: Limits.blockBytes)
    }
}

import Domain

/// The bytes of one commit group, in memory that starts at a block's boundary as O_DIRECT wants it.
///
/// Isolation: owned by the ``LedgerWriter`` of one thread. Grows by doubling and keeps its memory, so that a service of
/// small groups stays small.
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

    /// Appends zeros up to the next block's boundary.
    mutating func padToBlock() {
        let padded = (count + Limits.blockBytes - 1) / Limits.blockBytes * Limits.blockBytes
        reserve(padded)
        UnsafeMutableRawBufferPointer(rebasing: memory[count..<padded])
            .initializeMemory(as: UInt8.self, repeating: 0)
        count = padded
    }

    /// Overwrites bytes that were appended before.
    mutating func replace(at offset: Int, with bytes: [UInt8]) {
        precondition(offset + bytes.count <= count, "nothing was appended at \(offset)")
        bytes.withUnsafeBytes {
            UnsafeMutableRawBufferPointer(rebasing: memory[offset...]).copyMemory(from: $0)
        }
    }

    var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: memory[..<count])
    }

    /// Makes room for so many bytes in all.
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

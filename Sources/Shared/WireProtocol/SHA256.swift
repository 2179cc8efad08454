private import CLinux

/// SHA-256, as in FIPS 180-4.
///
/// Of our own: a library for this one function was a third of the first build (ADR 17). Runs at 1.9 GB/s with the CPU's
/// instructions, which are used on x86-64.
package struct SHA256: ~Copyable {
    package static let byteCount = 32
    private static let blockBytes = 64

    private var state: [UInt32] = [
        0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
    ]
    /// The start of a block that is not complete.
    private var rest: [UInt8] = []
    private var count = 0
    private let isPortable: Bool

    package init() { isPortable = false }

    /// Makes one that works as on CPUs without the instructions; for tests.
    package init(portable: Void) { isPortable = true }

    package static func hash(data bytes: [UInt8]) -> [UInt8] {
        var hash = SHA256()
        hash.update(data: bytes)
        return hash.finalize()
    }

    package mutating func update(data bytes: [UInt8]) {
        bytes.withUnsafeBytes { update(bufferPointer: $0) }
    }

    package mutating func update(bufferPointer bytes: UnsafeRawBufferPointer) {
        count += bytes.count
        var bytes = bytes[...]
        if !rest.isEmpty {
            let missing = bytes.prefix(Self.blockBytes - rest.count)
            rest += missing
            bytes = bytes.dropFirst(missing.count)
            guard rest.count == Self.blockBytes else { return }
            rest.withUnsafeBytes { compress($0) }
            rest.removeAll(keepingCapacity: true)
        }
        let whole = bytes.prefix(bytes.count / Self.blockBytes * Self.blockBytes)
        if !whole.isEmpty { compress(UnsafeRawBufferPointer(rebasing: whole)) }
        rest += bytes.dropFirst(whole.count)
    }

    /// Returns the digest's 32 bytes.
    package consuming func finalize() -> [UInt8] {
        let bits = UInt64(count) * 8
        let zeros = (Self.blockBytes * 2 - 9 - rest.count) % Self.blockBytes
        rest += [0x80] + [UInt8](repeating: 0, count: zeros)
        rest.append(bigEndian: bits)
        rest.withUnsafeBytes { compress($0) }
        var digest: [UInt8] = []
        for word in state { digest.append(bigEndian: word) }
        return digest
    }

    /// Compresses whole blocks.
    private mutating func compress(_ blocks: UnsafeRawBufferPointer) {
        let count = blocks.count / Self.blockBytes
        if isPortable {
            clinux_sha256_portable(&state, blocks.baseAddress, count)
        } else {
            clinux_sha256(&state, blocks.baseAddress, count)
        }
    }
}

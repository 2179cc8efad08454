/// Choices and bytes taken from the front of a fuzzer's input; zeros after its end.
package struct FuzzInput {
    private let bytes: [UInt8]
    private var index = 0

    package init(_ start: UnsafePointer<UInt8>, _ count: Int) {
        bytes = Array(UnsafeBufferPointer(start: start, count: count))
    }

    package var isAtEnd: Bool { index == bytes.count }

    package mutating func byte() -> UInt8 {
        guard index < bytes.count else { return 0 }
        defer { index += 1 }
        return bytes[index]
    }

    /// Takes one byte as a number below `bound`.
    package mutating func choice(_ bound: Int) -> Int {
        Int(byte()) % bound
    }

    package mutating func integer<Value: FixedWidthInteger & UnsignedInteger>(_ type: Value.Type = Value.self) -> Value
    {
        var value: Value = 0
        for _ in 0..<Value.bitWidth / 8 { value = Value(truncatingIfNeeded: UInt64(value) << 8) | Value(byte()) }
        return value
    }

    /// Takes `count` bytes, fewer at the end.
    package mutating func take(_ count: Int) -> [UInt8] {
        let end = min(bytes.count, index + count)
        defer { index = end }
        return Array(bytes[index..<end])
    }

    /// Takes a length of one byte and that many bytes.
    package mutating func block() -> [UInt8] {
        take(Int(byte()))
    }

    package mutating func rest() -> [UInt8] {
        take(bytes.count)
    }
}

/// Sizes of slices, generated from a seed in the input.
package struct Slicer {
    private var state: UInt32
    private let largest: UInt32

    /// Low bits of the seed choose the largest slice: 1, 8, 64 or 512 bytes.
    package init(seed: UInt32) {
        state = seed | 1
        largest = [1, 8, 64, 512][Int(seed >> 1 & 3)]
    }

    package mutating func next() -> Int {
        state ^= state << 13
        state ^= state >> 17
        state ^= state << 5
        return 1 + Int(state % largest)
    }
}

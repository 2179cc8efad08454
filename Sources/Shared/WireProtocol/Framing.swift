import Domain

/// A way to cut a stream of bytes into frames, shared by all connections of a kind.
package final class Framing: Sendable {
    enum Kind: Sendable {
        case counted(headerBytes: Int, minBodyBytes: Int, isHeaderKept: Bool, bodyBytes: @Sendable (UInt64) -> Int?)
        case newlines(Int)
    }

    let kind: Kind

    private init(kind: Kind) {
        self.kind = kind
    }

    /// Returns a framing in which a header of fixed size says how many bytes follow it.
    ///
    /// - Parameters:
    ///   - headerBytes: 1 … 8.
    ///   - isHeaderKept: whether the frame begins with its header.
    ///   - bodyBytes: returns the number of bytes after a header, which is given as one big-endian integer; nil if the
    ///     header is invalid.
    package static func counted(
        headerBytes: Int, minBodyBytes: Int = 0, isHeaderKept: Bool = false,
        bodyBytes: @escaping @Sendable (UInt64) -> Int? = { Int(exactly: $0) }
    ) -> Framing {
        precondition((1...8).contains(headerBytes), "a header of \(headerBytes) bytes")
        return Framing(
            kind: .counted(
                headerBytes: headerBytes, minBodyBytes: minBodyBytes, isHeaderKept: isHeaderKept,
                bodyBytes: bodyBytes))
    }

    /// Returns a framing in which a frame ends after the first run of `count` newlines, which belong to it.
    package static func newlines(_ count: Int) -> Framing {
        Framing(kind: .newlines(count))
    }

    /// The framing of the native protocol: a length of four bytes, at least 1.
    package static let native = counted(headerBytes: Limits.frameLengthBytes, minBodyBytes: 1)
}

/// The reason that bytes are not a frame; the rest cannot be decoded.
package enum FrameFault: Error, Equatable, Sendable, CustomStringConvertible {
    case header
    case length(Int, min: Int, max: Int)
    case unterminated(maxBytes: Int)

    package var description: String {
        switch self {
        case .header: "the length header is not a number"
        case .length(let length, let min, let max):
            "a frame of \(length) bytes; \(min) to \(max) are expected"
        case .unterminated(let maxBytes):
            "the message does not end within \(maxBytes) bytes"
        }
    }
}

extension [UInt8] {
    /// Appends a length of four bytes, then the text.
    package mutating func append(counted text: String) {
        append(bigEndian: UInt32(text.utf8.count))
        append(contentsOf: text.utf8)
    }

    /// A length of four bytes, then the text.
    package init(counted text: String) {
        self = []
        append(counted: text)
    }

    /// The range of the bytes that a length of four bytes at the start counts; nil until all have arrived.
    package var countedRange: Range<Int>? {
        guard count >= 4 else { return nil }
        let length = self[..<4].reduce(0) { $0 << 8 | Int($1) }
        return count >= 4 + length ? 4..<4 + length : nil
    }
}

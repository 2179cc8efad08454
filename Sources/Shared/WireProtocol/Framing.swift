import Domain

/// How a stream of bytes is cut into frames.
///
/// One object for all connections of a kind.
package final class Framing: Sendable {
    enum Kind: Sendable {
        case counted(headerBytes: Int, minBodyBytes: Int, isHeaderKept: Bool, bodyBytes: @Sendable (UInt64) -> Int?)
        case newlines(Int)
    }

    let kind: Kind

    private init(kind: Kind) {
        self.kind = kind
    }

    /// A header of fixed size says how many bytes follow it.
    ///
    /// - Parameters:
    ///   - headerBytes: 1 … 8.
    ///   - isHeaderKept: the frame begins with its header.
    ///   - bodyBytes: the bytes behind a header, whose bytes are given as one big-endian integer; nil where it is none.
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

    /// A frame ends behind the first run of so many newlines, which belong to it.
    package static func newlines(_ count: Int) -> Framing {
        Framing(kind: .newlines(count))
    }

    /// The native protocol's: a length of four bytes that counts one byte at least.
    package static let native = counted(headerBytes: Limits.frameLengthBytes, minBodyBytes: 1)
}

/// Why bytes are no frame.
///
/// Nothing behind it can be understood.
package enum FrameFault: Error, Equatable, Sendable, CustomStringConvertible {
    case header
    case length(Int, min: Int, max: Int)
    case unterminated(maxBytes: Int)

    package var description: String {
        switch self {
        case .header: "the header is no length"
        case .length(let length, let min, let max):
            "a frame of \(length) bytes; \(min) to \(max) are expected"
        case .unterminated(let maxBytes):
            "no end of a message within \(maxBytes) bytes"
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

    /// Where the bytes are that a length of four bytes at the front counts; nil while they are not all there.
    package var countedRange: Range<Int>? {
        guard count >= 4 else { return nil }
        let length = self[..<4].reduce(0) { $0 << 8 | Int($1) }
        return count >= 4 + length ? 4..<4 + length : nil
    }
}

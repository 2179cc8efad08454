private import DequeModule
package import NIOCore

/// The unwritten answers of one connection, in order.
///
/// Pure. The next piece is requested when the peer can take it, so an answer of any length costs one piece of memory.
package struct AnswerOutput {
    private enum Piece {
        case bytes(ByteBuffer)
        case stream(WinnersStream)
    }

    /// The way the connection continues once everything is written.
    package enum Ending: Equatable, Sendable {
        case none
        /// Close, unless more from the agency has arrived already.
        case whenQuiet
        case afterLast
    }

    /// The size up to which answers are copied into one buffer, which is cheaper than separate writes.
    private static let maxCopiedBytes = 4096

    private var pieces: Deque<Piece> = []
    package private(set) var ending = Ending.none
    /// The answers since the last ``takeCount()``.
    package private(set) var count = 0

    package init() {}

    package var isEmpty: Bool { pieces.isEmpty }

    /// Whether a long answer is pending; later answers wait until the peer has taken it.
    package var hasStream: Bool {
        pieces.contains { if case .stream = $0 { true } else { false } }
    }

    /// Appends an answer.
    package mutating func append(_ bytes: ArraySlice<UInt8>) {
        count += 1
        if bytes.isEmpty { return }
        guard case .bytes(var last)? = pieces.popLast(keeping: { if case .bytes = $0 { true } else { false } }) else {
            pieces.append(.bytes(ByteBuffer(bytes: bytes)))
            return
        }
        last.writeBytes(bytes)
        pieces.append(.bytes(last))
    }

    /// Appends a shared answer; a long one is not copied.
    package mutating func append(shared bytes: ByteBuffer) {
        count += 1
        guard case .bytes(var last)? = pieces.last, last.readableBytes + bytes.readableBytes <= Self.maxCopiedBytes
        else {
            pieces.append(.bytes(bytes))
            return
        }
        pieces.removeLast()
        last.writeImmutableBuffer(bytes)
        pieces.append(.bytes(last))
    }

    package mutating func append(_ stream: WinnersStream) {
        count += 1
        pieces.append(.stream(stream))
    }

    /// Sets the ending; `afterLast` is final.
    package mutating func end(_ ending: Ending) {
        if self.ending != .afterLast { self.ending = ending }
    }

    package mutating func takeCount() {
        count = 0
    }

    /// Takes the next bytes to write; nil if everything is written.
    ///
    /// - Throws: ``WinnersFault`` if the rest of the answer cannot be sent; the connection must end without it.
    package mutating func takeNext() throws(WinnersFault) -> ByteBuffer? {
        switch pieces.popFirst() {
        case nil:
            return nil
        case .bytes(let bytes)?:
            return bytes
        case .stream(var stream)?:
            var bytes: [UInt8] = []
            try stream.appendNext(to: &bytes)
            if !stream.isDone { pieces.prepend(.stream(stream)) }
            return ByteBuffer(bytes: bytes)
        }
    }

    package mutating func removeAll() {
        pieces.removeAll()
    }
}

extension Deque {
    fileprivate mutating func popLast(keeping condition: (Element) -> Bool) -> Element? {
        guard let last, condition(last) else { return nil }
        return popLast()
    }
}

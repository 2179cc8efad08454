private import DequeModule
package import NIOCore

/// The answers of one connection that are not written yet, in their order.
///
/// Pure: what to write next is asked for when the peer takes it, so an answer of any length costs one piece.
package struct AnswerOutput {
    private enum Piece {
        case bytes(ByteBuffer)
        case stream(WinnersStream)
    }

    /// What becomes of the connection once everything is written.
    package enum Ending: Equatable, Sendable {
        case none
        /// Close, unless more of the agency is here already.
        case whenQuiet
        case afterLast
    }

    /// Up to here answers are copied into one buffer: that is cheaper than a write of its own.
    private static let maxCopiedBytes = 4096

    private var pieces: Deque<Piece> = []
    package private(set) var ending = Ending.none
    /// Answers since the last ``takeCount()``.
    package private(set) var count = 0

    package init() {}

    package var isEmpty: Bool { pieces.isEmpty }

    /// Whether a long answer is on its way: what follows waits until the peer has taken it.
    package var hasStream: Bool {
        pieces.contains { if case .stream = $0 { true } else { false } }
    }

    /// Appends an answer's bytes.
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

    /// Appends an answer that others share: a long one is not copied.
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

    /// Nothing is appended after the last answer.
    package mutating func end(_ ending: Ending) {
        if self.ending != .afterLast { self.ending = ending }
    }

    package mutating func takeCount() {
        count = 0
    }

    /// The next bytes to write; nil if there are none.
    ///
    /// - Throws: ``WinnersFault``: the rest of the answer cannot be told, the connection has to end without it.
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
    /// Removes and returns the last element if it meets a condition.
    fileprivate mutating func popLast(keeping condition: (Element) -> Bool) -> Element? {
        guard let last, condition(last) else { return nil }
        return popLast()
    }
}

/// The search for the message that has an agency's chunk with a sequence: the last message, then by halves.
///
/// Pure.
package struct RecordSearch: Sendable {
    private let sequence: UInt32
    private let subject: String
    /// The messages that may have it, by their sequence in the stream; nil before the last one is read.
    private var range: ClosedRange<UInt64>?

    /// Whether the message after ``range``'s start is tried first.
    private var isAdjacent = false

    package init(for sequence: UInt32, subject: String) {
        self.sequence = sequence
        self.subject = subject
    }

    /// Searches for a later chunk than one that was found: it is in the next message, if it is a repeated one too.
    ///
    /// - Parameter message: the sequence in the stream of the message that was found.
    package init(for sequence: UInt32, subject: String, after message: UInt64) {
        self.init(for: sequence, subject: subject)
        range = message + 1...UInt64.max
        isAdjacent = true
    }

    /// Whether nothing is known: a search begins, or begins again.
    package var isAtStart: Bool { range == nil }

    /// The message to read next.
    package var position: ReadPosition {
        guard let range else { return .last(subject: subject) }
        if isAdjacent { return .next(subject: subject, from: range.lowerBound) }
        return .next(subject: subject, from: range.lowerBound + (range.upperBound - range.lowerBound) / 2)
    }

    /// Takes the message at ``position``, or nil at the end of the subject.
    ///
    /// - Parameter message: its sequence in the stream, and the sequences of its chunks.
    /// - Returns: whether it has the chunk. If a read was old, the search begins again.
    package mutating func take(_ message: (sequence: UInt64, chunks: Range<UInt32>)?) -> Bool {
        guard let range else {
            guard let message else { return false }
            if message.chunks.contains(sequence) { return true }
            if sequence < message.chunks.lowerBound, message.sequence > 1 { self.range = 1...message.sequence - 1 }
            return false
        }
        if isAdjacent {
            isAdjacent = false
            if let message, message.chunks.contains(sequence) { return true }
            self.range = nil
            return false
        }
        let middle = range.lowerBound + (range.upperBound - range.lowerBound) / 2
        let (lower, upper): (UInt64, UInt64)
        if let message, message.chunks.contains(sequence) { return true }
        if let message, sequence >= message.chunks.upperBound {
            (lower, upper) = (message.sequence + 1, range.upperBound)
        } else {
            guard middle > range.lowerBound else {
                self.range = nil
                return false
            }
            (lower, upper) = (range.lowerBound, middle - 1)
        }
        self.range = lower <= upper ? lower...upper : nil
        return false
    }
}

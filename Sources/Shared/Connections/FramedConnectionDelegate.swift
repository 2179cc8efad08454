package import NIOCore
package import WireProtocol

/// What a connection is for: told its frames and its end, it answers through the handler.
///
/// Isolation: the event loop of its connection.
package protocol FramedConnectionDelegate: AnyObject {
    /// A whole frame arrived; sooner or later it is answered.
    func receive(_ frame: Frame)
    /// The bytes that follow are not a frame: answer that, finally.
    func receive(_ fault: FrameFault)
    /// Something is overdue: answer that, finally.
    func expire(_ reason: String)
    /// Nothing more arrives after the frames so far; what was asked is still answered.
    ///
    /// Called once at most.
    func endInput()
    /// The connection is closed: no answer is wanted any more. The delegate is released.
    func close()
    /// A long answer cannot be told to its end.
    func fail(_ fault: WinnersFault)
}

/// An answer as it leaves.
package enum FramedAnswer: Sendable {
    case bytes(ArraySlice<UInt8>)
    /// Shared with others who got the same.
    case shared(ByteBuffer)
    case winners(WinnersStream)
}

package import NIOCore
package import WireProtocol

/// The receiver of a connection's frames and of its end; it answers through the handler.
///
/// Isolation: the event loop of its connection.
package protocol FramedConnectionDelegate: AnyObject {
    /// Receives a whole frame, which must be answered eventually.
    func receive(_ frame: Frame)
    /// Receives a framing fault: the next bytes are not a frame. Must send the final answer.
    func receive(_ fault: FrameFault)
    /// Receives the reason that the connection is overdue. Must send the final answer.
    func expire(_ reason: String)
    /// Receives the end of input: no more frames follow; earlier ones are still answered.
    ///
    /// Called at most once.
    func endInput()
    /// Is called when the connection is closed: answers are no longer needed, and the delegate is released.
    func close()
    /// Receives the reason that the rest of a long answer cannot be sent.
    func fail(_ fault: WinnersFault)
}

/// An encoded answer.
package enum FramedAnswer: Sendable {
    case bytes(ArraySlice<UInt8>)
    /// Shared with other connections that get the same answer.
    case shared(ByteBuffer)
    case winners(WinnersStream)
}

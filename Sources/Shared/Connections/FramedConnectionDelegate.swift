package import NIOCore
package import WireProtocol

/// The receiver of a connection's frames and of its end; it answers through the handler.
///
/// Isolation: the event loop of its connection.
package protocol FramedConnectionDelegate: AnyObject {
    /// Receives a whole frame, which must be answered eventually.
    func receive(_ frame: Frame)
    /// Receives a framing fault, and must send the final answer.
    func receive(_ fault: FrameFault)
    /// Receives the reason that the connection is overdue, and must send the final answer.
    func expire(_ reason: String)
    /// Receives the end of input, at most once; earlier frames are still answered.
    func endInput()
    /// Is called when the connection is closed: the delegate is released.
    func close()
    /// Receives the reason that a long answer cannot be completed.
    func fail(_ fault: WinnersFault)
}

/// An encoded answer.
package enum FramedAnswer: Sendable {
    case bytes(ArraySlice<UInt8>)
    /// Shared with other connections that get the same answer.
    case shared(ByteBuffer)
    case winners(WinnersStream)
}

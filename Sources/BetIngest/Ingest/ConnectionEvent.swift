import Connections
import WireProtocol

/// An event on a connection.
///
/// Events are handled in the order in which they happened.
enum ConnectionEvent: Sendable {
    case frame(Frame)
    /// The next bytes are not a valid frame.
    case invalidFrame(FrameFault)
    /// A deadline expired: for HELLO, for a frame or for any input.
    case expired(String)
    /// The peer has disconnected.
    case ended
}

import Connections
import WireProtocol

/// What happened on a connection, in its order.
enum ConnectionEvent: Sendable {
    case frame(Frame)
    /// The bytes that follow are not a frame.
    case invalidFrame(FrameFault)
    /// HELLO, a frame or anything at all did not arrive in time.
    case expired(String)
    /// The peer has disconnected.
    case ended
}

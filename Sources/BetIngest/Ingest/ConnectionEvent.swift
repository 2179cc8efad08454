import Connections
import WireProtocol

/// An event on a connection; events are handled in order.
enum ConnectionEvent: Sendable {
    case frame(Frame)
    case invalidFrame(FrameFault)
    /// The deadline for HELLO, for a frame or for any input.
    case expired(String)
    case ended
}

package import Monitoring
package import WireProtocol

/// The settings of a port's connections.
package struct FramedSettings: Sendable {
    package var framing: Framing
    /// Unanswered frames allowed to a known peer.
    package var window: Int
    /// The window of a peer that is not known yet.
    package var firstWindow: Int
    package var maxFrameBytes: Int
    /// Largest frame of a peer that is not known yet.
    package var firstMaxFrameBytes: Int
    /// See ``FrameIntake/firstBytes``.
    package var firstFrameBytes: Int
    package var deadlines: ConnectionDeadlines
    /// Whether a peer is known before it has sent anything.
    package var isKnownAtOnce: Bool
    package var isNative: Bool
    /// Whether the port has TLS.
    package var isEncrypted = false
    /// Called once, when a connection has ended.
    package var didEnd: @Sendable (ConnectionEnds.Reason) -> Void = { _ in }
    /// Whether a frame may be the first part of a longer message, see ``FrameIntake``.
    package var mayBeCutShort: @Sendable ([UInt8]) -> Bool = { _ in false }

    package init(
        framing: Framing, window: Int, firstWindow: Int, maxFrameBytes: Int, firstMaxFrameBytes: Int,
        firstFrameBytes: Int, deadlines: ConnectionDeadlines, isKnownAtOnce: Bool, isNative: Bool
    ) {
        self.framing = framing
        self.window = window
        self.firstWindow = firstWindow
        self.maxFrameBytes = maxFrameBytes
        self.firstMaxFrameBytes = firstMaxFrameBytes
        self.firstFrameBytes = firstFrameBytes
        self.deadlines = deadlines
        self.isKnownAtOnce = isKnownAtOnce
        self.isNative = isNative
    }
}

import Domain
import Ledger

/// A command of an operator, for the main thread.
struct OperatorCommand: Sendable {
    enum Action: Equatable, Sendable {
        case open(DrawOpening)
        case close(DrawID)
        case moveCutOff(DrawID, to: Instant)
        case enterNumber(DrawID, UInt16)
        case makeVoid(DrawID, reason: String)
    }

    var action: Action
    /// The operator, as the kernel names the peer of the control socket.
    var user: String
    /// Receives what was done, or why not.
    ///
    /// Called once, on the main thread; must not block.
    var reply: @Sendable (Result<String, CommandFault>) -> Void
}

/// A draw to be opened.
struct DrawOpening: Equatable, Sendable {
    var draw: DrawID
    var opens: Instant
    /// Nil: the draw closes when every agency has finished.
    var cutOff: Instant?
    var number: DrawTerms.NumberSource
    /// `calendar`, or the user of the operator.
    var by: String
}

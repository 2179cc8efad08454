/// The committer's view of a connection: its origin, and the receiver of its decisions.
///
/// A reference and not an id, so that delivering a decision needs no table of connections.
protocol Requester: AnyObject, Sendable {
    /// For example `127.0.0.1:51234`.
    var peer: String { get }
    /// The peer's address, without its port.
    var address: Substring { get }
    /// The dialect and address, which identify the connections that may be one agency's; empty for a native agency.
    var origin: String { get }
    /// Whether its agencies open a connection for each message.
    var isOneMessagePerConnection: Bool { get }

    /// Sends the answer that a decision has in the connection's protocol.
    ///
    /// Called in the order of the decisions, once everything decided before is durable. Must not block.
    ///
    /// Isolation: the committer thread, or the main thread for winners of parked consultations.
    func deliver(_ decision: Decision)

    /// Logs a decision, after the deliveries of its group.
    func log(_ decision: Decision)

    /// Ends the turn that a repetition kept: it is answered.
    func finishTurn()
}

/// The committer's view of a connection.
///
/// A reference and not an id, so that delivering a decision needs no table of connections.
protocol Requester: AnyObject, Sendable {
    /// For example `127.0.0.1:51234`.
    var peer: String { get }
    /// The address without the port.
    var address: Substring { get }
    /// The dialect and address; empty for a native agency.
    var origin: String { get }
    /// Whether its agencies open a connection for each message.
    var isOneMessagePerConnection: Bool { get }

    /// Sends a decision's answer, in order, once everything decided before is durable. Must not block.
    ///
    /// Isolation: the committer thread, or the main thread for winners of parked consultations.
    func deliver(_ decision: Decision)

    /// Logs a decision, after the deliveries of its group.
    func log(_ decision: Decision)

    /// Delivers and logs the answer to a consultation, which may have been parked for hours.
    ///
    /// Isolation: as ``deliver(_:)``.
    func answerConsultation(_ decision: Decision)

    /// Ends the turn that a repetition kept: it is answered.
    func finishTurn()
}

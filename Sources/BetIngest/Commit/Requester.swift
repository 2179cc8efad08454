/// A connection as the commit side knows it: where it comes from, and where decisions go.
protocol Requester: AnyObject, Sendable {
    /// For example `127.0.0.1:51234`.
    var peer: String { get }
    /// Tells the agencies of one dialect and address from all others; empty for a native agency.
    var origin: String { get }
    /// Whether its agencies open a connection for each message.
    var isOneMessagePerConnection: Bool { get }

    /// Sends what a decision means in the protocol of the connection.
    ///
    /// Called in the order of the decisions, once everything decided before is durable. Must not block.
    ///
    /// Isolation: the committer thread, or the main thread for winners of parked consultations.
    func deliver(_ decision: Decision)

    /// Logs a decision, after all answers of its group were delivered.
    func log(_ decision: Decision)

    /// Allows the connection its next turn: its repetition is answered.
    func resume()
}

import Domain

/// The state of one connection's protocol: events in, requests out.
///
/// Pure. A value for each connection.
protocol IngestSession: Sendable {
    /// Takes the next event of the connection.
    ///
    /// - Parameter today: birthdates after it are in the future.
    /// - Returns: nil if nothing follows from it.
    mutating func receive(_ event: ConnectionEvent, today: Birthdate) -> Request?

    /// Whether an event can be handled on the event loop: the peer is unknown, so its answer waits for nothing, and reading
    /// the event takes no time.
    func isImmediate(_ event: ConnectionEvent) -> Bool
}

import Domain

/// The state of one connection's protocol.
///
/// Pure.
protocol IngestSession: Sendable {
    /// The draw to which the session has bound its connection; nil before.
    ///
    /// It never changes afterwards.
    var draw: DrawEntry? { get }

    /// Handles the next event of the connection.
    ///
    /// - Parameter today: birthdates after it are in the future.
    /// - Returns: nil if the event requires nothing.
    mutating func receive(_ event: ConnectionEvent, today: Birthdate) -> Request?

    /// Whether the event loop can handle it: the peer is unknown, so its answer depends on nothing else, and
    /// decoding the event is fast.
    func isImmediate(_ event: ConnectionEvent) -> Bool
}

/// The reason that a control socket cannot be used.
package struct ControlFailure: Error, Equatable, Sendable, CustomStringConvertible {
    package var path: String
    package var reason: String
    /// Whether no service listens on the socket.
    package var isAbsent: Bool
    /// Whether the deadline passed without a reply.
    package var isTimeout = false

    package init(path: String, reason: String, isAbsent: Bool = false) {
        self.path = path
        self.reason = reason
        self.isAbsent = isAbsent
    }

    package var description: String { "\(path): \(reason)" }
}

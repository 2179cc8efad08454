package import Domain

/// The roster in use, for `status` and the control sockets.
package struct RosterStatus: Codable, Equatable, Sendable {
    package var agencies: Int
    /// Why the roster's file is not in use, but the roster before it; nil if it is.
    package var fault: String?
    /// How often a peer was denied since the start.
    package var denials: Int
    /// When the file was last read.
    package var readAt: Instant
    /// When the file was last found faulty; nil: never.
    package var faultyAt: Instant?

    package var lines: [String] {
        ["roster: \(agencies) agencies; \(denials) peers denied since the start"]
            + (fault.map { ["the roster's file is faulty, the roster before it is in use: \($0)"] } ?? [])
    }
}

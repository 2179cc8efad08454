/// The codes of ERROR.
///
/// The connection closes after it. Numbers are never used again for another meaning.
///
/// Source: docs/protocol.md, "Error codes".
package enum ErrorCode: UInt16, Sendable, CaseIterable {
    case malformedFrame = 1
    case malformedMessage = 2
    case unexpectedMessage = 3
    case unsupportedVersion = 4
    case unknownAgency = 5
    case unknownDraw = 6
    case tokenNotAccepted = 7
    case sequenceGap = 8
    case superseded = 9
    case deadline = 10
    case busy = 11
    case shuttingDown = 12

    /// Whether the same agency may connect again and go on: the cause passes by itself.
    package var isTransient: Bool {
        switch self {
        case .deadline, .busy, .shuttingDown: true
        default: false
        }
    }
}

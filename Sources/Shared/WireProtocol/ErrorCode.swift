/// A code of ERROR, after which the connection closes.
///
/// Numbers are never reused. A code from a newer service is kept as its number and treated as permanent.
///
/// Source: docs/protocol.md, "Error codes".
package struct ErrorCode: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt16

    package init(rawValue: UInt16) {
        self.rawValue = rawValue
    }

    package static let malformedFrame = ErrorCode(rawValue: 1)
    package static let malformedMessage = ErrorCode(rawValue: 2)
    package static let unexpectedMessage = ErrorCode(rawValue: 3)
    package static let unsupportedVersion = ErrorCode(rawValue: 4)
    package static let unknownAgency = ErrorCode(rawValue: 5)
    package static let unknownDraw = ErrorCode(rawValue: 6)
    package static let tokenNotAccepted = ErrorCode(rawValue: 7)
    package static let sequenceGap = ErrorCode(rawValue: 8)
    package static let superseded = ErrorCode(rawValue: 9)
    package static let deadline = ErrorCode(rawValue: 10)
    package static let busy = ErrorCode(rawValue: 11)
    package static let shuttingDown = ErrorCode(rawValue: 12)
    package static let drawNotOpen = ErrorCode(rawValue: 13)
    package static let drawClosed = ErrorCode(rawValue: 14)
    package static let drawVoid = ErrorCode(rawValue: 15)
    package static let notAuthorized = ErrorCode(rawValue: 16)

    /// In the order of their numbers, from 1.
    fileprivate static let names = [
        "malformedFrame", "malformedMessage", "unexpectedMessage", "unsupportedVersion", "unknownAgency", "unknownDraw",
        "tokenNotAccepted", "sequenceGap", "superseded", "deadline", "busy", "shuttingDown", "drawNotOpen",
        "drawClosed", "drawVoid", "notAuthorized",
    ]

    /// Whether the same agency may reconnect and resume.
    package var isTransient: Bool {
        self == .deadline || self == .busy || self == .shuttingDown
    }
}

extension ErrorCode: CustomStringConvertible {
    /// Whether this version has the code.
    package var isKnown: Bool { (1...Self.names.count).contains(Int(rawValue)) }

    package var description: String { isKnown ? Self.names[Int(rawValue) - 1] : "code \(rawValue)" }
}

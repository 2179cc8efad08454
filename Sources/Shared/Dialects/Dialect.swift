package import Domain
package import WireProtocol

/// The protocol of existing agency programs: decodes their messages into requests and encodes replies.
///
/// Pure and stateless: the session keeps the state of a connection. A class, so that a connection refers to it in two
/// words instead of five.
///
/// Source: docs/dialects.md, which also says how to add one.
package protocol Dialect: AnyObject, Sendable {
    /// The name, as in `dialects.<name>` of the configuration.
    var name: String { get }
    /// The key of a separate port for winners, which winners-service opens; nil if one port does everything.
    var winnersName: String? { get }
    var framing: Framing { get }
    /// Whether an agency opens a connection for each message.
    var isOneMessagePerConnection: Bool { get }

    /// Decodes a frame on a worker's thread.
    ///
    /// - Parameter today: birthdates after it are in the future.
    func request(_ frame: [UInt8], today: Birthdate) -> DialectRequest

    /// Appends the bytes of a reply, sent in one write; none if the dialect cannot express it.
    func encode(_ reply: DialectReply, into bytes: inout [UInt8])

    func next(after reply: DialectReply) -> DialectReply.Next

    /// Returns nil if the dialect cannot express the list.
    ///
    /// - Parameters:
    ///   - count: the number of documents.
    ///   - documentsBytes: their size, with a length of one byte each.
    ///   - areIntegers: whether each document is a u32 without leading zeros.
    func winnersForm(count: UInt64, documentsBytes: Int, areIntegers: Bool) -> WinnersForm?

    /// Whether a valid frame may be only the first part of a longer message, whose length field is too small.
    ///
    /// Such a frame is processed only once nothing, or the start of another message, follows it.
    func mayBeCutShort(_ frame: [UInt8]) -> Bool

    /// The action on the connection after winners.
    var nextAfterWinners: DialectReply.Next { get }
}

extension Dialect {
    package var winnersName: String? { nil }
    package var isOneMessagePerConnection: Bool { false }
    package var nextAfterWinners: DialectReply.Next { .close }
    package func mayBeCutShort(_ frame: [UInt8]) -> Bool { false }
    package func winnersForm(count: UInt64, documentsBytes: Int, areIntegers: Bool) -> WinnersForm? { nil }
}

/// All dialects; configuration keys, ports, tests, the simulation and the fuzzers follow from this list.
package enum DialectRegistry {
    package static let all: [any Dialect] = [
        SemicolonDialect(),
        LinesDialect(),
        TLVDialect(),
        JSONDialect(),
        PipeDialect(),
        EchoDialect(),
    ]

    /// Every port that a dialect may have: its key below `dialects`, and whether winners-service opens it.
    package static var ports: [(key: String, dialect: any Dialect, isWinners: Bool)] {
        all.flatMap { dialect in
            let winners = dialect.winnersName.map { [($0, dialect, true)] } ?? []
            return [(dialect.name, dialect, false)] + winners
        }
    }
}

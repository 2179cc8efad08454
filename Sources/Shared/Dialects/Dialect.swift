package import Domain
package import WireProtocol

/// The language of agencies that already exist: their bytes to what they ask for, and what they are told to their bytes.
///
/// Pure, and without state: what a connection has said before is the session's business. A class, so that a connection
/// refers to it in two words instead of five.
///
/// Source: docs/dialects.md, which also says how to add one.
package protocol Dialect: AnyObject, Sendable {
    /// As in `dialects.<name>` of the configuration.
    var name: String { get }
    /// The key of a port of its own for winners, which winners-service opens; nil where one port does it all.
    var winnersName: String? { get }
    var framing: Framing { get }
    /// An agency opens a connection for each message.
    var isOneMessagePerConnection: Bool { get }

    /// What a frame asks for.
    ///
    /// Called by a worker.
    ///
    /// - Parameter today: birthdates after it are in the future.
    func request(_ frame: [UInt8], today: Birthdate) -> DialectRequest

    /// Appends the bytes of a reply, which leave in one write; none if the dialect cannot express it.
    func encode(_ reply: DialectReply, into bytes: inout [UInt8])

    /// What happens to the connection after a reply.
    func next(after reply: DialectReply) -> DialectReply.Next

    /// How a list of winners is written; nil if the dialect cannot express it.
    ///
    /// - Parameters:
    ///   - count: the number of documents.
    ///   - documentsBytes: their bytes, with a length of one byte each.
    ///   - areIntegers: whether each document is a u32 without leading zeros.
    func winnersForm(count: UInt64, documentsBytes: Int, areIntegers: Bool) -> WinnersForm?

    /// Whether a frame may be the first part of a longer message whose length is too small, and be valid all the same.
    ///
    /// Then it is looked at only once nothing, or the start of another message, follows it.
    func mayBeCutShort(_ frame: [UInt8]) -> Bool

    /// What happens to the connection after winners.
    var nextAfterWinners: DialectReply.Next { get }
}

extension Dialect {
    package var winnersName: String? { nil }
    package var isOneMessagePerConnection: Bool { false }
    package var nextAfterWinners: DialectReply.Next { .close }
    package func mayBeCutShort(_ frame: [UInt8]) -> Bool { false }
    package func winnersForm(count: UInt64, documentsBytes: Int, areIntegers: Bool) -> WinnersForm? { nil }
}

/// All dialects, each registered by its line here.
///
/// Configuration keys, ports, tests, the simulation and the fuzzers follow from this list.
package enum DialectRegistry {
    package static let all: [any Dialect] = [
        SemicolonDialect(),
        LinesDialect(),
        TLVDialect(),
        JSONDialect(),
        PipeDialect(),
        EchoDialect(),
    ]

    /// Every port that a dialect may have: the key below `dialects`, and whether winners-service opens it.
    package static var ports: [(key: String, dialect: any Dialect, isWinners: Bool)] {
        all.flatMap { dialect in
            let winners = dialect.winnersName.map { [($0, dialect, true)] } ?? []
            return [(dialect.name, dialect, false)] + winners
        }
    }
}

/// The agency's side of a protocol, which `agency doctor` plays against any server and tests play against ours.
///
/// Each connection has its own value: the native language counts its sequences.
package protocol AgencyLanguage: Sendable {
    /// `native`, or the name of its dialect.
    var name: String { get }

    /// Returns the agency's first message; nil if it begins with its bets.
    mutating func greeting(agency: String) -> [UInt8]?

    /// Returns a chunk of rows with first name, last name, document, birthdate and number as text, valid or not.
    mutating func chunk(_ rows: [[String]], agency: String, isLast: Bool) -> [UInt8]

    /// Returns the message that all bets are sent; nil if the consultation says so.
    mutating func finish(agency: String) -> [UInt8]?

    /// Returns a consultation; if ``finish(agency:)`` is nil, it also says that all bets are sent.
    mutating func consult(agency: String) -> [UInt8]

    /// Reads the answer from the start of the bytes.
    mutating func reply(_ bytes: [UInt8], to question: AgencyQuestion) -> AgencyReading

    /// Whether consultations go to a separate port.
    var hasWinnersPort: Bool { get }
    /// Whether an agency opens a connection for each message.
    var isOneMessagePerConnection: Bool { get }
    /// Whether a server rejects by closing the connection, without an answer.
    var rejectionCloses: Bool { get }
    /// The separator of a bet's fields; nil if fields have lengths.
    var separator: String? { get }
    /// Messages that only some languages can express.
    var abilities: Set<AgencyAbility> { get }
    /// Bytes that are not a message of the language.
    var nonsense: AgencyNonsense { get }
}

/// A message that only some languages can express.
package enum AgencyAbility: Sendable, CaseIterable {
    /// A chunk without bets.
    case noBets
    /// Numbers with leading zeros.
    case paddedNumbers
    /// A document other than a u32.
    case longDocuments
}

/// Bytes that a server must survive, framed as the language frames them.
package struct AgencyNonsense: Sendable {
    /// An empty message.
    package var empty: [UInt8]
    /// A message of an unknown kind.
    package var unknown: [UInt8]
    /// An invalid header; nil if the language has no header.
    package var header: [UInt8]?

    package init(empty: [UInt8], unknown: [UInt8], header: [UInt8]?) {
        self.empty = empty
        self.unknown = unknown
        self.header = header
    }
}

/// The message whose answer an agency awaits.
package enum AgencyQuestion: Sendable {
    case greeting
    case chunk
    case finish
    case consult
}

/// An answer of the service, as the agency reads it.
package enum AgencyReply: Equatable, Sendable {
    /// The chunk is durable.
    case stored
    /// Nothing is stored; `badBets` is 0 and `reason` empty if the language does not carry them.
    case rejected(badBets: Int, reason: String)
    /// The agency has finished, durably.
    case finished
    /// The agency's own winners.
    case winners([String])
    /// The draw is not published yet.
    case notDrawnYet
}

/// The result of reading an answer.
package enum AgencyReading: Equatable, Sendable {
    case reply(AgencyReply, byteCount: Int)
    case needsBytes
    case invalid
}

extension AgencyLanguage {
    package func greeting(agency: String) -> [UInt8]? { nil }
}

/// All languages: the native protocol and the dialects that carry bets.
package enum LanguageRegistry {
    package static let all: [any AgencyLanguage] = [
        NativeLanguage(),
        SemicolonLanguage(),
        LinesLanguage(),
        TLVLanguage(),
        JSONLanguage(),
        PipeLanguage(),
    ]

    /// Returns a language by name.
    package static func language(_ name: String) -> (any AgencyLanguage)? { all.first { $0.name == name } }
}

/// The agency's side of a language: `bet-ingest doctor` plays it against any server, tests play it against ours.
///
/// A value for each connection; the native language remembers its sequence.
package protocol AgencyLanguage: Sendable {
    /// What an agency says first; nil where it begins with its bets.
    mutating func greeting(agency: String) -> [UInt8]?

    /// A chunk of rows, each first name, last name, document, birthdate and number as text, valid or not.
    mutating func chunk(_ rows: [[String]], agency: String, isLast: Bool) -> [UInt8]

    /// All is sent; nil where the consultation says so.
    mutating func finish(agency: String) -> [UInt8]?

    /// A consultation; where ``finish(agency:)`` is nil it also says that all is sent.
    mutating func consult(agency: String) -> [UInt8]

    /// Reads the answer to a question from the front of what the service sent.
    mutating func reply(_ bytes: [UInt8], to question: AgencyQuestion) -> AgencyReading

    /// Winners are asked for on a port of their own.
    var hasWinnersPort: Bool { get }
    /// An agency opens a connection for each message.
    var isOneMessagePerConnection: Bool { get }
    /// What is refused is closed without an answer.
    var refusalCloses: Bool { get }
    /// What stands between a bet's fields; nil where it may be in a name.
    var separator: String? { get }
    /// What is only possible in some languages.
    var abilities: Set<AgencyAbility> { get }
    /// Bytes that are no message of the language.
    var nonsense: AgencyNonsense { get }
}

/// What a language can say.
package enum AgencyAbility: Sendable, CaseIterable {
    /// A chunk without a bet.
    case noBets
    /// Numbers with leading zeros.
    case paddedNumbers
    /// A document that is no u32.
    case longDocuments
}

/// Bytes that a server must survive, framed as the language frames them.
package struct AgencyNonsense: Sendable {
    /// A message without a byte.
    package var empty: [UInt8]
    /// A kind of message that there is not.
    package var unknown: [UInt8]
    /// What should say where a message ends and does not; nil where nothing can be wrong about it.
    package var header: [UInt8]?

    package init(empty: [UInt8], unknown: [UInt8], header: [UInt8]?) {
        self.empty = empty
        self.unknown = unknown
        self.header = header
    }
}

/// What an agency waits for: the same bytes mean different things after different questions.
package enum AgencyQuestion: Sendable {
    case greeting
    case chunk
    case finish
    case consult
}

/// The answer at the front of some bytes.
package enum AgencyReading: Equatable, Sendable {
    case reply(DialectReply, byteCount: Int)
    case needsBytes
    /// No answer that the language has.
    case invalid
}

extension AgencyLanguage {
    package func greeting(agency: String) -> [UInt8]? { nil }
}

extension AgencyLanguage where Self: Dialect {
    package var hasWinnersPort: Bool { winnersName != nil }

    package var refusalCloses: Bool {
        var bytes: [UInt8] = []
        return encode(.rejected(badBets: 0, reason: ""), into: &bytes) == .close
    }
}

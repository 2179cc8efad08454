import Domain
import WireProtocol

/// A builder that turns the bets of a dialect's message into a chunk, or reports their faults.
///
/// Names, documents and dates keep their text; numbers keep their value only: `0007` is 7.
struct DialectChunkBuilder {
    /// A bet's fields as received.
    struct Fields: ~Escapable {
        var firstName: Span<UInt8>
        var lastName: Span<UInt8>
        var document: Span<UInt8>
        var birthdate: Span<UInt8>
        var number: Span<UInt8>

        @_lifetime(copy text)
        init(_ text: Span<UInt8>, _ fields: TextFields, from first: Int = 0) {
            firstName = text.extracting(fields.ranges[first])
            lastName = text.extracting(fields.ranges[first + 1])
            document = text.extracting(fields.ranges[first + 2])
            birthdate = text.extracting(fields.ranges[first + 3])
            number = text.extracting(fields.ranges[first + 4])
        }
    }

    /// The agency that the message or its first bet names.
    private(set) var agency: AgencyID?
    private let today: Birthdate
    private var columns = BetColumnsBuilder()
    private var count = 0
    private var badBets = 0
    private var firstFault: String?

    init(today: Birthdate) {
        self.today = today
    }

    /// Reads the agency of all bets that follow, or of the next one.
    ///
    /// - Returns: false, after a fault was recorded, if the bytes are not an agency or name one other than that of the
    ///   previous bets.
    mutating func name(_ bytes: Span<UInt8>) -> Bool {
        guard let named = agencyID(bytes) else {
            fault("the agency is not a valid decimal number")
            return false
        }
        if let agency, agency != named {
            fault("the bets belong to both agency \(agency) and agency \(named)")
            return false
        }
        agency = named
        return true
    }

    mutating func append(_ fields: Fields) {
        do throws(BetFault) {
            try BetRules.check(name: fields.firstName, .first)
            try BetRules.check(name: fields.lastName, .last)
            try BetRules.check(document: fields.document)
            let birthdate = try BetRules.birthdate(fields.birthdate)
            try BetRules.check(birthdate: birthdate, today: today)
            let number = try BetRules.number(fields.number)
            if badBets == 0, count < Limits.maxChunkBets {
                columns.append(
                    firstName: fields.firstName, lastName: fields.lastName, document: fields.document,
                    birthdate: birthdate, number: number)
            }
            count += 1
        } catch {
            fault("\(error)")
        }
    }

    mutating func fault(_ reason: @autoclosure () -> String) {
        if firstFault == nil { firstFault = "bet \(count): \(reason())" }
        badBets += 1
        count += 1
    }

    /// Returns the message's request; `reason` says why the whole message is invalid, whatever its bets are.
    mutating func request(isLast: Bool = false, reason: String? = nil) -> DialectRequest {
        if let firstFault { return .badChunk(agency, BadChunk(count: count, badBets: badBets, reason: firstFault)) }
        let tooMany = count > Limits.maxChunkBets ? "\(count) bets; at most \(Limits.maxChunkBets) fit a chunk" : nil
        if let reason = reason ?? tooMany {
            return .badChunk(agency, BadChunk(count: count, badBets: count, reason: reason))
        }
        return .chunk(agency, columns.takeChunk(sequence: 0, isLast: isLast))
    }
}

/// Reads an agency's number in decimal digits; nil if it is invalid.
func agencyID(_ bytes: Span<UInt8>) -> AgencyID? {
    guard (1...10).contains(bytes.count) else { return nil }
    var number: UInt64 = 0
    for index in bytes.indices {
        let digit = bytes[index] &- UInt8(ascii: "0")
        guard digit < 10 else { return nil }
        number = number * 10 + UInt64(digit)
    }
    return UInt32(exactly: number).map { AgencyID($0) }
}

package import Domain
import WireProtocol

/// `result.json`: the outcome of a draw, published once.
///
/// For people and for small draws: beyond ``maxListedAgencies`` and ``maxListedWinners`` it has totals only. The
/// services answer from the winners file beside it, whose SHA-256 it holds.
package struct DrawResult: Codable, Equatable, Sendable {
    package struct Agency: Codable, Equatable, Sendable {
        package var agency: AgencyID
        package var bets: UInt64
        package var rejectedBets: UInt64
        package var winningBets: UInt64
        /// The documents of its winning bets, in the order of the ledger; nil if the draw has too many to list.
        package var winners: [String]?

        package init(agency: AgencyID, bets: UInt64, rejectedBets: UInt64, winningBets: UInt64, winners: [String]?) {
            self.agency = agency
            self.bets = bets
            self.rejectedBets = rejectedBets
            self.winningBets = winningBets
            self.winners = winners
        }

        package init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            agency = try values.decode(AgencyID.self, forKey: .agency)
            bets = try values.decode(UInt64.self, forKey: .bets)
            rejectedBets = try values.decode(UInt64.self, forKey: .rejectedBets)
            winners = try values.decodeIfPresent([String].self, forKey: .winners)
            // Version 1 lacks this key; its lists are complete.
            winningBets =
                try values.decodeIfPresent(UInt64.self, forKey: .winningBets) ?? UInt64(winners?.count ?? 0)
        }
    }

    /// The seal of the winners file.
    package struct WinnersSeal: Codable, Equatable, Sendable {
        package var bytes: Int
        /// In hexadecimal.
        package var sha256: String

        package init(bytes: Int, sha256: String) {
            self.bytes = bytes
            self.sha256 = sha256
        }
    }

    /// Why and when the ledger was sealed, and who did not finish.
    package struct Seal: Codable, Equatable, Sendable {
        package var reason: SealRecord.Reason
        package var instant: Instant
        package var finishedCount: Int
        package var unfinishedCount: Int
        package var absentCount: Int
        /// Numbers up to ``agencyCount`` that are not agencies of the draw.
        package var excludedCount: Int
        /// By number; nil if there are too many to list.
        package var unfinished: [AgencyID]?
        package var absent: [AgencyID]?

        package init(_ seal: SealRecord) {
            func listed(_ agencies: [AgencyID]) -> [AgencyID]? {
                agencies.count <= DrawResult.maxListedAgencies ? agencies : nil
            }
            reason = seal.reason
            instant = seal.instant
            finishedCount = seal.finishedCount
            unfinishedCount = seal.unfinished.count
            absentCount = seal.absent.count
            excludedCount = seal.excluded.count
            unfinished = listed(seal.unfinished)
            absent = listed(seal.absent)
        }
    }

    /// The version that this program writes.
    ///
    /// Version 1 has no `version`, ``ledgerID`` or ``winnersFile``; versions 1 and 2 have no ``seal``.
    package static let version = 3
    package static let maxListedAgencies = 10_000
    package static let maxListedWinners = 10_000

    package var version = Self.version
    package var draw: DrawID
    /// The ledger's identity, in hexadecimal; nil in version 1.
    package var ledgerID: String?
    package var winningNumber: UInt16
    /// How the number was chosen: `configured` or `entered`.
    package var method: String
    /// Whether the service knew the number before the ledger was sealed, as it does in the course's mode.
    package var isNumberKnownBeforeSeal: Bool?
    /// Nil before version 3.
    package var seal: Seal?
    package var bets: UInt64
    /// The sealed ledger's size, and its SHA-256 in hexadecimal.
    package var ledgerBytes: Int
    package var ledgerSHA256: String
    package var agencyCount: UInt32
    package var winningBets: UInt64
    /// Nil in version 1.
    package var winnersFile: WinnersSeal?
    /// Every agency of the draw, by number; nil if there are too many to list.
    package var agencies: [Agency]?

    package init(
        draw: DrawID, ledgerID: UInt64, number: DrawnNumber, seal: SealRecord, ledgerBytes: Int,
        ledgerSHA256: String, winningBets: UInt64, winnersFile: WinnersSeal, agencies: [Agency]?
    ) {
        self.draw = draw
        self.ledgerID = Self.text(ledgerID: ledgerID)
        winningNumber = number.number
        method = number.method
        isNumberKnownBeforeSeal = number.method == WinningNumber.configured
        self.seal = Seal(seal)
        bets = seal.bets
        self.ledgerBytes = ledgerBytes
        self.ledgerSHA256 = ledgerSHA256
        agencyCount = seal.agencies
        self.winningBets = winningBets
        self.winnersFile = winnersFile
        self.agencies = agencies
    }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        version = try values.decodeIfPresent(Int.self, forKey: .version) ?? 1
        draw = try values.decode(DrawID.self, forKey: .draw)
        ledgerID = try values.decodeIfPresent(String.self, forKey: .ledgerID)
        winningNumber = try values.decode(UInt16.self, forKey: .winningNumber)
        method = try values.decode(String.self, forKey: .method)
        isNumberKnownBeforeSeal = try values.decodeIfPresent(Bool.self, forKey: .isNumberKnownBeforeSeal)
        seal = try values.decodeIfPresent(Seal.self, forKey: .seal)
        bets = try values.decode(UInt64.self, forKey: .bets)
        ledgerBytes = try values.decode(Int.self, forKey: .ledgerBytes)
        ledgerSHA256 = try values.decode(String.self, forKey: .ledgerSHA256)
        agencies = try values.decodeIfPresent([Agency].self, forKey: .agencies)
        winnersFile = try values.decodeIfPresent(WinnersSeal.self, forKey: .winnersFile)
        agencyCount = try values.decodeIfPresent(UInt32.self, forKey: .agencyCount) ?? UInt32(agencies?.count ?? 0)
        winningBets =
            try values.decodeIfPresent(UInt64.self, forKey: .winningBets)
            ?? (agencies ?? []).reduce(0) { $0 + $1.winningBets }
    }

    /// Whether a repeated draw from the same ledger has the same outcome.
    ///
    /// Fields that its version lacks are not compared.
    package func isOutcome(_ again: DrawResult) -> Bool {
        if version == Self.version { return self == again }
        var older = again
        older.version = version
        older.isNumberKnownBeforeSeal = nil
        older.seal = nil
        if version == 1 {
            older.ledgerID = nil
            older.winnersFile = nil
        }
        return self == older
    }

    /// Formats a ledger's identity as 16 hexadecimal digits.
    package static func text(ledgerID: UInt64) -> String {
        var bytes: [UInt8] = []
        bytes.append(bigEndian: ledgerID)
        return hexadecimal(bytes)
    }

    private static let envelope = ChecksummedJSON(name: "result")

    package var fileBytes: [UInt8] { Self.envelope.bytes(self) }

    /// Reads a file.
    ///
    /// - Throws: ``DrawResultError`` unless ``fileBytes`` could have written it.
    package init(fileBytes bytes: [UInt8]) throws(DrawResultError) {
        let result: DrawResult
        do throws(ChecksummedJSON.Fault) {
            result = try Self.envelope.read(DrawResult.self, from: bytes)
        } catch {
            throw error == .checksum ? .checksum : .notAResult
        }
        if result.version > Self.version { throw .newerVersion(result.version) }
        if let fault = result.fault { throw .invalid(fault) }
        self = result
    }

    /// The first contradiction; the checksum shows only that no bit was flipped, not that the file makes sense.
    private var fault: String? {
        if winningNumber > Limits.maxNumber { return "the winning number is \(winningNumber)" }
        if ledgerBytes < Limits.blockBytes { return "a ledger of \(ledgerBytes) bytes" }
        if bets > UInt64(ledgerBytes) { return "\(bets) bets in a ledger of \(ledgerBytes) bytes" }
        if winningBets > bets { return "\(winningBets) winning bets of \(bets)" }
        if version >= 2, ledgerID == nil || winnersFile == nil {
            return "the ledger's or the winners file's identity is missing"
        }
        if version >= 3 {
            guard let seal else { return "the seal is missing" }
            let counts = [seal.finishedCount, seal.unfinishedCount, seal.absentCount, seal.excludedCount]
            guard counts.allSatisfy({ (0...Int(agencyCount)).contains($0) }), counts.reduce(0, +) == Int(agencyCount),
                (seal.unfinished?.count ?? seal.unfinishedCount) == seal.unfinishedCount,
                (seal.absent?.count ?? seal.absentCount) == seal.absentCount
            else { return "the agencies of the seal do not add up" }
        }
        guard let agencies else { return version == 1 ? "the agencies are missing" : nil }
        guard agencies.count == Int(agencyCount) else {
            return "\(agencies.count) of \(agencyCount) agencies are listed"
        }
        var (betSum, winnerSum): (UInt64, UInt64) = (0, 0)
        for (index, agency) in agencies.enumerated() {
            guard agency.agency.rawValue == UInt32(index) + 1 else {
                return "agency \(agency.agency) is listed in place of agency \(index + 1)"
            }
            guard agency.bets <= bets, agency.rejectedBets < 1 << 53, agency.winningBets <= agency.bets else {
                return "the totals of agency \(agency.agency) are impossible"
            }
            betSum += agency.bets
            winnerSum += agency.winningBets
            guard let winners = agency.winners else { continue }
            guard winners.count == Int(agency.winningBets), winners.allSatisfy(Self.isDocument) else {
                return "the winners of agency \(agency.agency) must be \(agency.winningBets) valid documents"
            }
        }
        return betSum == bets && winnerSum == winningBets ? nil : "the totals of the agencies do not add up"
    }

    private static func isDocument(_ text: String) -> Bool {
        (1...Limits.maxDocumentBytes).contains(text.utf8.count) && text.utf8.allSatisfy(isASCIILetterOrDigit)
    }
}

/// The reason a file is not a valid draw result.
package enum DrawResultError: Error, Equatable, Sendable, CustomStringConvertible {
    case notAResult
    case checksum
    case newerVersion(Int)
    case invalid(String)
    /// The winners file beside the result is missing, or belongs to another result.
    case winnersFile(String)

    package var description: String {
        switch self {
        case .notAResult: "this is not a draw result"
        case .checksum: "the checksum does not match: the file was changed after the draw"
        case .newerVersion(let version):
            "version \(version), this program reads up to \(DrawResult.version): use a newer one"
        case .invalid(let reason): "the checksum matches, but the result contradicts itself: \(reason)"
        case .winnersFile(let reason): reason
        }
    }
}

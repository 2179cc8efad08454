package import Domain
import WireProtocol

/// The payload of the seal: why the ledger ends, its totals, and the agencies that did not finish.
///
/// A seal of version 1 also holds the winning number. Since version 2 the number is in ``WinningNumber``, written
/// after the seal.
package struct SealRecord: Equatable, Sendable {
    /// Why a ledger was sealed.
    package enum Reason: String, Codable, CaseIterable, Sendable {
        case allFinished = "all finished"
        case cutOff = "cut-off"
        case `operator`
        /// The draw is void; see ``VoidDraw``.
        case void

        fileprivate var code: UInt8 { UInt8(Self.allCases.firstIndex(of: self) ?? 0) + 1 }

        fileprivate init?(code: UInt8) {
            guard (1...Self.allCases.count).contains(Int(code)) else { return nil }
            self = Self.allCases[Int(code) - 1]
        }
    }

    package var reason: Reason
    /// The cut-off, or the time of the decision; every chunk of a draw with a cut-off is older.
    package var instant: Instant
    package var bets: UInt64
    /// The highest number of an agency of the draw.
    package var agencies: UInt32
    /// Agencies with chunks but no last chunk, by number.
    package var unfinished: [AgencyID]
    /// Agencies without any chunk, by number.
    package var absent: [AgencyID]
    /// Numbers up to ``agencies`` that are not agencies of the draw.
    package var excluded: [AgencyID]
    /// The winning number of a seal of version 1.
    package private(set) var number: DrawnNumber?

    package init(
        reason: Reason, instant: Instant, bets: UInt64, agencies: UInt32, unfinished: [AgencyID] = [],
        absent: [AgencyID] = [], excluded: [AgencyID] = []
    ) {
        self.reason = reason
        self.instant = instant
        self.bets = bets
        self.agencies = agencies
        self.unfinished = unfinished
        self.absent = absent
        self.excluded = excluded
    }

    package var drawAgencies: DrawAgencies { DrawAgencies(agencies, excluded: Set(excluded)) }

    package var finishedCount: Int { Int(agencies) - unfinished.count - absent.count - excluded.count }

    /// The payload of version 2.
    package var bytes: [UInt8] {
        var bytes = [reason.code]
        bytes.append(bigEndian: instant.milliseconds)
        bytes.append(bigEndian: bets)
        bytes.append(bigEndian: agencies)
        for list in [unfinished, absent] { bytes.append(bigEndian: UInt32(list.count)) }
        for agency in unfinished + absent + excluded { bytes.append(bigEndian: agency.rawValue) }
        return bytes
    }

    /// Reads a payload of version 2; nil for bytes that are not a valid one.
    package init?(_ bytes: [UInt8]) {
        var reader = ByteReader(bytes)
        do throws(MessageFault) {
            guard let reason = Reason(code: try reader.readInteger()) else { return nil }
            self.init(
                reason: reason, instant: Instant(milliseconds: try reader.readInteger()),
                bets: try reader.readInteger(), agencies: try reader.readInteger())
            let (unfinishedCount, absentCount): (UInt32, UInt32) = (try reader.readInteger(), try reader.readInteger())
            guard Int(unfinishedCount) + Int(absentCount) <= reader.remainingBytes / 4 else { return nil }
            for _ in 0..<unfinishedCount { unfinished.append(AgencyID(try reader.readInteger())) }
            for _ in 0..<absentCount { absent.append(AgencyID(try reader.readInteger())) }
            // The rest: none in a draw without a roster.
            while reader.remainingBytes > 0 { excluded.append(AgencyID(try reader.readInteger())) }
        } catch {
            return nil
        }
    }

    /// Reads a payload of version 1; nil for bytes that are not a valid one.
    ///
    /// - Parameter time: the time of its record.
    package init?(version1 bytes: [UInt8], time: Instant) {
        var reader = ByteReader(bytes)
        do throws(MessageFault) {
            self.init(
                reason: .allFinished, instant: time, bets: try reader.readInteger(),
                agencies: try reader.readInteger())
            number = DrawnNumber(number: try reader.readInteger(), method: try reader.readString8())
            try reader.finish()
        } catch {
            return nil
        }
    }
}

/// A winning number and how it was chosen.
package struct DrawnNumber: Equatable, Sendable {
    /// 0 … 9999.
    package var number: UInt16
    /// `configured`, or `entered` by operators after the seal.
    package var method: String

    package init(number: UInt16, method: String) {
        self.number = number
        self.method = method
    }
}
